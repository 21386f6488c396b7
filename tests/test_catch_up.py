"""Catch-up: which listed videos are pending."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import ConfigurationError
from components.pipeline import VIDEO_PHASES, component
from components.plan.due import Candidate, Due, Judge, joined
from components.records.booking import Booking
from components.records.videos import Video
from components.running.fingerprint import Fingerprints
from components.running.phase import run
from components.running.services import Services
from components.settings import LedgerSettings, Settings
from tests.clips import numbered_video
from tests.conftest import Corpus

PLAN = component("plan")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def planned(corpus: Corpus, **inputs: Any) -> list[str]:
    services = corpus.services
    outputs = run(PLAN, PLAN.inputs(catch_up=True, run="c", **inputs), services)
    return [str(entry.video) for shard in outputs.shards for entry in shard.read(services.store)]


def booked(corpus: Corpus) -> None:
    """Take all videos of the corpus through the phases that book them."""
    corpus.through(*VIDEO_PHASES)


def test_a_rejected_video_is_left_alone_until_it_changes(corpus: Corpus) -> None:
    corpus.add(b"no video", "bad")
    assert planned(corpus) == ["local/bad"]
    booked(corpus)
    assert planned(corpus) == []
    corpus.add(b"still no video, but another one", "bad")
    corpus.add(b"new", "new")
    assert planned(corpus) == ["local/bad", "local/new"]


def test_a_failed_video_is_pending(corpus: Corpus) -> None:
    """A missing one fails differently: it is not listed."""
    video = corpus.add(b"x", "later")
    corpus.services.store.put(
        f"s3://oriane-frames/{video}/0_0.00.png", b"half published", "image/png"
    )
    assert planned(corpus) == ["local/later"]


@pytest.mark.parametrize("marker", [b"", b"{", b"[]", b'"text"', b'{"etag": "other"}'])
def test_a_marker_that_says_nothing_of_this_version_does_not_count(
    corpus: Corpus, marker: bytes
) -> None:
    video = corpus.add(b"x", "odd")
    corpus.services.store.put(f"s3://oriane-frames/{video}/manifest.json", marker, "text/plain")
    assert planned(corpus) == ["local/odd"]


def test_prefixes_limits_and_other_layouts(corpus: Corpus) -> None:
    for code in ("a", "b", "c"):
        corpus.add(b"x", code, "instagram")
    corpus.add(b"x", "d", "tiktok")
    corpus.services.store.put("s3://oriane-contents/deep/er/still/video.mp4", b"x", "video/mp4")
    assert planned(corpus, source="s3://oriane-contents/tiktok/") == ["tiktok/d"]
    assert planned(corpus, source="s3://oriane-contents/instagram/b/video.mp4") == ["instagram/b"]
    assert planned(corpus, limit=2) == ["instagram/c", "tiktok/d"], "the newest, in key order"
    assert len(planned(corpus)) == 4, "markers lie below <platform>/<code>/ and nowhere else"
    with pytest.raises(ConfigurationError, match="limit needs"):
        run(PLAN, PLAN.inputs(job_input="[]", limit=3), corpus.services)


folders = st.lists(
    st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1)] * 2),
    unique=True,
)


@given(folders, folders)
def test_listing_and_bookings_are_joined_whatever_the_names(
    listed: list[tuple[str, str]], others: list[tuple[str, str]]
) -> None:
    """Keys sort by their bytes, as S3 lists them, and not by folder."""

    def ordered(names: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return sorted(set(names), key=lambda name: f"{name[0]}/{name[1]}/".encode())

    known = [*others, *listed[::2]]
    candidates = [
        Candidate(Video.model_construct(platform=platform, code=code, source="s3://b/k"))
        for platform, code in ordered(listed)
    ]
    bookings = [
        Booking(platform=platform, code=code, state="done") for platform, code in ordered(known)
    ]
    for candidate, booking in joined(candidates, bookings):
        name = (candidate.video.platform, candidate.video.code)
        assert (booking is not None) == (name in known)
        assert booking is None or (booking.platform, booking.code) == name


def test_fingerprints_are_told_without_running(corpus: Corpus, tmp_path: Path) -> None:
    """Those of the steps of a real run."""
    corpus.add(numbered_video(tmp_path / "a.mp4", [number / 5 for number in range(10)]))
    (entry,) = corpus.through(*VIDEO_PHASES)
    found = Fingerprints(corpus.services.settings).of(entry.video.source, entry.etag)
    assert found == entry.fingerprints


def judged(settings: Settings, etag: str = "e", **fields: Any) -> str:
    video = Video(platform="p", code="c", source="s3://b/p/c/video.mp4")
    booking = Booking(**{"platform": "p", "code": "c", "etag": "e", "updated_at": NOW, **fields})
    verdict = Judge(settings, "r1", NOW).judge(Candidate(video, etag), booking)
    return str(verdict.why) if isinstance(verdict, Due) else str(verdict)


def test_verdicts(settings: Settings) -> None:
    assert judged(settings, state="done") == "booked"
    assert judged(settings, state="done", etag="other") == "changed"
    assert judged(settings, state="rejected") == "booked"
    assert judged(settings, state="requested") == "requested"
    assert judged(settings, state=None, leased_by="r1") == "new"
    assert judged(settings, state="done", leased_by="r2", etag="other") == "leased"


def test_a_failed_video_waits_longer_each_time_and_is_given_up(settings: Settings) -> None:
    def verdict(attempts: int, hours: float) -> str:
        then = NOW - timedelta(hours=hours)
        return judged(settings, state="failed", attempts=attempts, updated_at=then)

    assert [verdict(1, 5.9), verdict(1, 6)] == ["waiting", "retry"]
    assert [verdict(3, 23.9), verdict(3, 24)] == ["waiting", "retry"]
    assert verdict(5, 1000) == "given_up"
    assert judged(settings, state="failed", attempts=5, etag="other") == "changed"


@pytest.mark.parametrize(
    ("group", "values", "phase"),
    [
        ("crop", {"probes": 9}, "crop"),
        ("frame", {"min_frames": 9}, "frame"),
        ("dedup", {"tolerance": 9}, "dedup"),
        ("index", {"collection": "other"}, "index"),
        ("embed", {"batch_size": 9}, None),
    ],
)
def test_other_settings_make_stale_from_their_phase_on(
    settings: Settings, group: str, values: dict[str, Any], phase: str | None
) -> None:
    video = Video(platform="p", code="c", source="s3://b/p/c/video.mp4")
    marks = Fingerprints(settings).of(video.source, "e")
    booking = Booking(
        platform="p", code="c", state="done", etag="e", source=video.source, fingerprints=marks
    )
    verdict = Judge(settings.having(group, **values), "r", NOW).judge(Candidate(video), booking)
    assert (verdict.stale_from if isinstance(verdict, Due) else None) == phase


def test_a_model_that_is_not_here_makes_nothing_stale(settings: Settings, caplog: Any) -> None:
    elsewhere = settings.having("embed", model="/models/elsewhere")
    assert judged(elsewhere, state="done", fingerprints={"embed": "x"}) == "booked"
    assert "cannot tell which videos are stale" in caplog.text


@pytest.fixture
def booking_services(services: Services, database: LedgerSettings) -> Services:
    services.settings = replace(services.settings, ledger=database)
    return services


def test_with_a_ledger_failed_videos_wait_and_leased_ones_are_left(
    booking_services: Services,
) -> None:
    corpus = Corpus(booking_services)
    for code in ("busy", "failed", "new"):
        corpus.add(b"x", code)
    ledger = booking_services.ledger
    assert ledger
    ledger.book([Booking(platform="local", code="failed", state="failed", run="r0", reason="r")])
    ledger.lease([("local", "busy")], "other", 1)
    assert planned(corpus) == ["local/new"]
    assert planned(corpus) == ["local/new"], "its own lease does not keep a run off"
    ledger.request("local", "failed", {})
    assert planned(corpus) == ["local/failed", "local/new"]
    assert planned(corpus, origin="ledger") == ["local/failed"]


def test_what_is_left_over_is_the_backlog(corpus: Corpus) -> None:
    for code in ("a", "b", "c"):
        corpus.add(b"x", code)
    inputs = PLAN.inputs(catch_up=True, limit=2, run="c")
    outputs = run(PLAN, inputs, corpus.services)
    assert (outputs.videos, outputs.backlog) == (2, 1)
    assert planned(corpus, older_than_h=1) == []
    assert planned(corpus, platform="tiktok") == []


def test_inputs_that_do_not_go_together(services: Services) -> None:
    for inputs in ({"platform": "p"}, {"origin": "ledger"}, {"catch_up": True, "job_input": "[]"}):
        with pytest.raises(ConfigurationError, match="catch_up"):
            run(PLAN, PLAN.inputs(**inputs), services)
