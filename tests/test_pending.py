"""Catch-up: which listed videos are pending."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contract import component
from components.errors import ConfigurationError
from components.plan.pending import pending
from components.storage import Store, Stored
from tests.conftest import Corpus

PLAN = component("plan")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)


def planned(corpus: Corpus, **inputs: Any) -> list[str]:
    services = corpus.services
    outputs = PLAN.run(PLAN.inputs(catch_up=True, run="c", **inputs), services)
    return [str(entry.video) for shard in outputs.shards for entry in shard.read(services.store)]


def booked(corpus: Corpus) -> None:
    """Take all videos of the corpus through the phases that book them."""
    corpus.through("fetch", "crop", "frame", "dedup", "upload", "embed", "index", "record")


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
    with pytest.raises(ConfigurationError, match="need source"):
        PLAN.run(PLAN.inputs(job_input="[]", limit=3), corpus.services)


class Unread(Store):
    """A store whose markers must not be read."""

    def __init__(self) -> None:
        pass


folders = st.lists(
    st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1)] * 2),
    unique=True,
)


@given(folders, folders, st.randoms())
def test_listings_are_joined_whatever_the_names(
    sources: list[tuple[str, str]], done: list[tuple[str, str]], random: Any
) -> None:
    """Keys sort by their bytes, as S3 lists them, and not by folder."""
    done = [*done, *(name for name in sources if random.random() < 0.5)]

    def listing(names: list[tuple[str, str]], *files: str, modified: datetime) -> list[Stored]:
        keys = {f"{platform}/{code}/{file}" for platform, code in names for file in files}
        ordered = sorted(keys, key=lambda key: key.encode())
        return [Stored(f"s3://b/{key}", 1, "e", modified) for key in ordered]

    found = pending(
        iter(listing(sources, "video.mp4", modified=LONG_AGO)),
        iter(listing(done, "0_0.00.png", "manifest.json", "9_1.00.png", modified=NOW)),
        Unread(),
    )
    left = {tuple(stored.uri.split("/")[3:5]) for stored in found}
    assert left == set(sources) - set(done)
