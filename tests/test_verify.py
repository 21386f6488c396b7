"""verify and repair: each kind is found, mended, and not found again after the next run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from components.errors import ConfigurationError
from components.pipeline import VIDEO_PHASES
from components.records.booking import Booking
from components.records.done_marker import MarkedFrame
from components.records.frame_names import point_id
from components.records.videos import Video
from components.running.services import Services
from components.settings import LedgerSettings, Settings
from components.stores.s3 import split
from components.stores.vectors.frame_filter import FrameFilter
from tests.commands import invoked
from tests.conftest import Corpus
from tests.deployment import CODES, content, killed_everywhere
from tests.deployment import copied as storage  # noqa: F401
from tests.points import all_points, change, put
from tests.postgres import query
from tests.storage import SharedS3
from tests.test_catch_up import planned
from workflows.operations.verify.verify import Verification, verify

pytestmark = pytest.mark.slow

SOURCE, FRAMES = "s3://oriane-contents/local/one/video.mp4", "oriane-frames"
MARKER = f"s3://{FRAMES}/local/one/manifest.json"


def kinds(found: Verification) -> dict[str, int]:
    return {str(finding.kind): finding.objects for finding in found.findings}


def mended(services: Services, **options: Any) -> dict[str, int]:
    """Repair, and return what was done to how many videos."""
    done = verify(services, mend=True, apply=True, **options).repair
    assert done
    return {str(action): count for action, count in done.actions.items()}


def taken(services: Services) -> list[str]:
    """Return what the next catch-up takes, and take it through the phases."""
    corpus = Corpus(services)
    names = planned(corpus)
    if services.ledger:
        services.ledger.release("c")
    for name in names:
        platform, code = name.split("/")
        source = f"s3://oriane-contents/{name}/video.mp4"
        corpus.videos.append(Video(platform=platform, code=code, source=source))
    if names:
        corpus.through(*VIDEO_PHASES)
    return names


def frame(services: Services) -> MarkedFrame:
    marker = services.markers.done("local", "one")
    assert marker
    return marker.frames[0]


def lose_frame(services: Services) -> None:
    services.store.delete(FRAMES, [frame(services).path])


def lose_point(services: Services) -> None:
    services.collection.remove([frame(services).uuid])


def lose_marker(services: Services) -> None:
    services.markers.remove("local", "one", "manifest.json")


def lose_source(services: Services) -> None:
    services.store.delete("oriane-contents", ["local/one/video.mp4"])


def add_frame(services: Services) -> None:
    services.store.put(f"s3://{FRAMES}/local/one/999_9.99.png", b"png", "image/png")


def add_point(services: Services, code: str = "one") -> None:
    payload = {"platform": "local", "video_code": code, "frame_number": 999, "model": "m"}
    vector = [1.0] + [0.0] * (services.collection.dim() - 1)
    put(services.collection, (point_id("local", code, 999), vector, payload))


def add_points_of_no_video(services: Services) -> None:
    add_point(services, "nowhere")


def mix_models(services: Services) -> None:
    change(services.collection, frame(services).uuid, model="m")


def undescribe(services: Services) -> None:
    change(services.collection, frame(services).uuid, dhash="", cropped=None)


def break_marker(services: Services) -> None:
    services.store.put(MARKER, b'{"platform"', "application/json")


def forget_row(services: Services) -> None:
    assert services.ledger
    services.ledger.forget("local", "one")


def book_another_etag(services: Services) -> None:
    assert services.ledger
    booking = services.ledger.booking("local", "one")
    assert booking
    services.ledger.book([replace(booking, etag="other")])


def forget_all(services: Services) -> None:
    forget_row(services)
    lose_marker(services)


Damage = Callable[[Services], None]
# What is damaged, what is found, what repairs it, and what the next catch-up takes.
LOST: list[tuple[Damage, str, set[str], list[str]]] = [
    (lose_frame, "missing_frames", {"make_due"}, ["local/one"]),
    (lose_point, "missing_points", {"make_due"}, ["local/one"]),
    (add_frame, "orphan_frames", {"delete_frames"}, []),
    (add_point, "orphan_points", {"delete_points"}, []),
    (add_points_of_no_video, "deleted_source", {"forget"}, []),
    (mix_models, "wrong_model", {"delete_points", "make_due"}, ["local/one"]),
    (undescribe, "undescribed_points", {"describe_points"}, []),
]
LOCAL = [(lose_marker, "half_finished", set[str](), ["local/one"])]
LEDGER = [
    (lose_marker, "unmarked", {"make_due"}, ["local/one"]),
    (break_marker, "unmarked", {"make_due"}, ["local/one"]),
    (forget_row, "unbooked", {"book"}, []),
    (book_another_etag, "unbooked", {"book"}, []),
    (forget_all, "half_finished", set[str](), ["local/one"]),
]
LAST: tuple[Damage, str, set[str], list[str]] = (lose_source, "deleted_source", {"forget"}, [])


@pytest.mark.parametrize(
    ("with_ledger", "cases"), [(False, [*LOST, *LOCAL, LAST]), (True, [*LOST, *LEDGER, LAST])]
)
def test_every_kind_is_found_mended_and_gone_after_the_next_run(
    request: pytest.FixtureRequest, with_ledger: bool, cases: list[Any]
) -> None:
    services: Services = request.getfixturevalue("ledgered" if with_ledger else "services")
    assert kinds(verify(services)) == {}
    for damage, kind, does, due in cases:
        damage(services)
        before = content(services)
        found = verify(services, mend=True)
        assert kind in kinds(found), damage.__name__
        assert content(services) == before, "nothing is done without apply"
        assert set(mended(services)) == does, damage.__name__
        assert mended(services) == {}, "a second repair finds nothing to do"
        assert taken(services) == due, damage.__name__
        assert kinds(verify(services)) == {}, damage.__name__


@pytest.mark.parametrize("kept", ["artifacts", "published frames alone"])
def test_points_of_an_earlier_version_get_what_answers_filter_by(
    services: Services, kept: str
) -> None:
    before, marker = all_points(services.collection), services.markers.done("local", "one")
    assert marker
    lacks = {"dhash": "", "dated": None, "cropped": None, "duration": None}
    frames = tuple(one.model_copy(update={"dhash": ""}) for one in marker.frames)
    older = marker.model_copy(update={"frames": frames, "dated": None, "duration": None})
    services.markers.replace_done(older)
    for one in marker.frames:
        change(services.collection, one.uuid, **lacks)
    if kept != "artifacts":
        results = list(services.store.objects("s3://oriane-artifacts/results/"))
        services.store.delete_all("oriane-artifacts", [split(one.uri)[1] for one in results])
    assert kinds(verify(services)) == {"undescribed_points": len(frames)}
    assert mended(services) == {"describe_points": 1}
    again = services.markers.done("local", "one")
    assert again
    assert (again.frames, again.dated) == (marker.frames, marker.dated)
    if kept == "artifacts":
        assert all_points(services.collection) == before
        assert again == marker
    day = datetime.fromisoformat(str(marker.dated))
    where = FrameFilter(code="one", cropped=marker.is_cropped, after=day)
    vector = [1.0] * services.collection.dim()
    assert len(services.collection.nearest(vector, 99, where=where)) == len(frames)


def test_another_dimension_is_told_and_left_alone(services: Services) -> None:
    marker = services.markers.done("local", "one")
    assert marker
    services.markers.replace_done(marker.model_copy(update={"dim": 7}))
    assert kinds(verify(services)) == {"wrong_dimension": 1}
    assert mended(services) == {}


def test_a_video_that_a_run_works_on_is_left_to_it(ledgered: Services) -> None:
    for damage in (lose_frame, add_frame, add_point, lose_source):
        damage(ledgered)
    assert ledgered.ledger
    ledgered.ledger.lease([("local", "one")], "r1", 1)
    found = verify(ledgered)
    assert (kinds(found), found.leased, found.videos) == ({}, 1, 2)
    ledgered.ledger.release("r1")
    assert kinds(verify(ledgered)).keys() == {"deleted_source"}


def test_what_is_foreign_is_counted_and_kept(services: Services) -> None:
    for key in (
        "notes.txt",
        "local/one/notes.txt",
        "local/one/deeper/1_1.00.png",
        "a/..b/1_1.00.png",
    ):
        services.store.put(f"s3://{FRAMES}/{key}", b"x", "text/plain")
    services.store.put("s3://oriane-contents/readme.md", b"x", "text/plain")
    services.store.put("s3://oriane-artifacts/results/odd.json", b"x", "text/plain")
    put(services.collection, (7, [0.0] * services.collection.dim(), {"a": "b"}))
    before = content(services)
    found = verify(services, mend=True, apply=True)
    assert kinds(found) == {}
    assert found.foreign == {"videos": 1, "frames": 4, "artifacts": 1, "points": 1}
    assert content(services) == before


def test_a_repair_is_bounded_and_goes_on(services: Services) -> None:
    for code in CODES:
        services.store.put(f"s3://{FRAMES}/local/{code}/999_9.99.png", b"png", "image/png")
    first = verify(services, mend=True, apply=True, limit=1).repair
    second = verify(services, mend=True, apply=True, limit=1).repair
    assert first
    assert second
    assert [(first.videos, first.left), (second.videos, second.left)] == [(1, 1), (1, 0)]
    assert kinds(verify(services)) == {}


def test_one_platform_only(services: Services) -> None:
    lose_frame(services)
    other = verify(services, "tiktok")
    assert (kinds(other), other.videos, other.points) == ({}, 0, 0)
    assert kinds(verify(services, "local")) == {"missing_frames": 1}


def test_the_wrong_source_bucket_does_not_look_like_deleted_videos(services: Services) -> None:
    """Markers name the source, and it is still there."""
    services.settings = services.settings.having("storage", videos_bucket="oriane-artifacts")
    assert kinds(verify(services)) == {}


def test_a_source_in_a_deeper_folder_is_no_deleted_one(services: Services, tmp_path: Path) -> None:
    corpus = Corpus(services)
    uri = "s3://oriane-contents/deep/er/local/one/video.mp4"
    services.store.put(uri, services.store.get(SOURCE), "video/mp4")
    corpus.videos = [Video(platform="local", code="one", source=uri)]
    corpus.through(*VIDEO_PHASES)
    lose_source(services)
    assert kinds(verify(services)) == {}
    lose_frame(services)
    assert mended(services) == {}, "without its marker no listing would find it again"


def test_what_an_earlier_version_of_a_rejected_video_left_is_kept(ledgered: Services) -> None:
    corpus = Corpus(ledgered)
    corpus.add(b"no video", "one")
    corpus.through(*VIDEO_PHASES)
    lose_frame(ledgered)
    lose_point(ledgered)
    assert kinds(verify(ledgered)) == {}


def test_a_video_missing_from_the_start_is_booked_rightly(ledgered: Services) -> None:
    assert ledgered.ledger
    missing = Booking("local", "never", "rejected", run="r", phase="fetch", reason="missing")
    ledgered.ledger.book([missing])
    assert kinds(verify(ledgered)) == {}


def test_a_collection_made_by_someone_else_is_named(services: Services) -> None:
    from qdrant_client import models

    folder = f"{services.settings.index.url}-theirs"
    services.settings = services.settings.having(
        "index", collection="theirs", url=folder, engine="local"
    )
    params = {"a": models.VectorParams(size=4, distance=models.Distance.DOT)}
    client = services.collection.connection.client  # type: ignore[attr-defined]
    client.create_collection("theirs", vectors_config=params)
    with pytest.raises(ConfigurationError, match=r"'theirs'.*named vectors"):
        verify(services)


def test_wrong_credentials_are_named(settings: Settings) -> None:
    wrong = settings.having("storage", secret_access_key=SecretStr("no"))
    told = pytest.raises(ConfigurationError, match="refused the credentials")
    with Services(wrong) as services, told:
        verify(services, mend=True, apply=True)


def test_a_newer_schema_is_refused(services: Services, database: LedgerSettings) -> None:
    with Services(replace(services.settings, ledger=database)) as first:
        assert first.ledger
    query(database, "INSERT INTO oriane_schema (version) VALUES (99) RETURNING version")
    newer = Services(replace(services.settings, ledger=database))
    with newer, pytest.raises(ConfigurationError, match=r"schema version 99.*upgrade the program"):
        verify(newer, mend=True, apply=True)


def all_damage(services: Services) -> None:
    """Damage one video in most ways, and delete the other's source."""
    for damage in (add_frame, add_point, mix_models, lose_frame):
        damage(services)
    services.store.delete("oriane-contents", ["local/two/video.mp4"])


def mend(services: Services) -> None:
    verify(services, mend=True, apply=True)


def test_killed_between_any_two_side_effects(
    tmp_path: Path, shared_s3: SharedS3, deployment: Path, model: str, postgres: Any
) -> None:
    ends = killed_everywhere(
        tmp_path, shared_s3, deployment, model, postgres, damage=all_damage, work=mend
    )
    assert len(ends) > 7
    assert all(end == ends[-1] for end in ends)


def test_the_command(tmp_path: Path, services: Services, model: str) -> None:
    lose_frame(services)
    services.close()

    def said(*options: str) -> tuple[int, str]:
        return invoked("verify", *options, data=tmp_path, CLIP_MODEL=model)

    code, text = said("--json")
    found = json.loads(text.splitlines()[0])
    assert (code, found["videos"], found["repair"]) == (1, 2, None)
    (finding,) = found["findings"]
    assert finding["kind"] == "missing_frames"
    assert finding["examples"][0]["video"] == "local/one"
    code, text = said("--repair")
    assert code == 1
    assert "would: make 1 video due" in text
    code, text = said("--repair", "--yes")
    assert code == 0
    assert "did: make 1 video due" in text
    code, text = said("--yes")
    assert code == 78
    assert "--yes is for --repair" in text


def test_buckets_without_a_ledger_are_not_taken_for_a_deployment_without_one(
    tmp_path: Path,
) -> None:
    code, text = invoked("verify", data=tmp_path, S3_VIDEOS_BUCKET="videos", VP_STAND_INS=0)
    assert code == 78
    assert "S3 is set, and Qdrant and Postgres not" in text
