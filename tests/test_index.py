"""Points in Qdrant: deterministic, complete, without stale ones, of one model and dimension."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from components.errors import ConfigurationError, ManifestError, TransientError
from components.pipeline import component
from components.records.manifest import Entry, Manifest
from components.records.videos import IndexedVideo
from components.running.phase import run
from components.running.services import Services
from components.settings import Settings
from components.stores.vectors.frame_filter import FrameFilter
from tests.clips import bordered_video, numbered_video
from tests.conftest import Corpus
from tests.phases import through
from tests.points import all_points, change, fresh, make_plain, put
from tests.vectors import framed, unit
from workflows.operations.verify.repair import remove_foreign_points
from workflows.operations.verify.verify import verify

PHASES = through("index")


@pytest.fixture(params=["edge", "local"])
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Settings for each embedded engine; tests/test_qdrant_server.py has a server's."""
    return settings.having("index", engine=request.param)


def test_payload_is_what_readers_know(services: Services) -> None:
    video, rows = framed(), unit(2)
    services.collection.ensure("m", 4)
    services.collection.replace(video, rows, "m")
    points = all_points(services.collection)
    assert set(points) == {video.point_id(frame) for frame in video.frames}
    first = points[video.point_id(video.frames[0])]
    assert first.pop("vector") == pytest.approx(rows[0].tolist(), abs=1e-4)
    assert isinstance(first.pop("created_at"), str)
    assert first == {
        "uuid": video.point_id(video.frames[0]),
        "platform": "instagram",
        "video_code": "DKOicvaMxAb",
        "frame_number": 50,
        "frame_second": 6.6321,
        "path": "instagram/DKOicvaMxAb/50_6.63.png",
        "model": "m",
        "scene_start": 0,
        "scene_end": 12,
        "duration": 12.0,
        "cropped": 1,
    }


def test_stale_points_of_a_video_go_and_others_stay(services: Services) -> None:
    one, other = framed(), framed(code="other")
    same_code = framed(platform="tiktok")
    services.collection.ensure("m", 4)
    for video in (one, other, same_code):
        services.collection.replace(video, unit(2), "m")
    fewer = one.model_copy(update={"frames": one.frames[1:]})
    services.collection.replace(fewer, unit(1), "m")
    expected = {
        video.point_id(frame) for video in (fewer, other, same_code) for frame in video.frames
    }
    assert set(all_points(services.collection)) == expected
    assert services.collection.holds(fewer)
    assert not services.collection.holds(one)


def test_batches_lose_nothing(settings: Settings) -> None:
    with Services(settings.having("index", upsert_batch=3)) as services:
        one = framed()
        frames = tuple(
            one.frames[0].model_copy(update={"number": number, "second": number / 10})
            for number in range(10)
        )
        services.collection.ensure("m", 4)
        services.collection.replace(one.model_copy(update={"frames": frames}), unit(10), "m")
        assert len(all_points(services.collection)) == 10


def test_another_dimension_or_model_is_refused_by_name(services: Services) -> None:
    services.collection.ensure("first", 4)
    services.collection.replace(framed(), unit(2), "first")
    with pytest.raises(ConfigurationError, match=r"4 dimensions, but second gives 8"):
        services.collection.ensure("second", 8)
    with pytest.raises(ConfigurationError, match=r"vectors of first.*those of second"):
        services.collection.ensure("second", 4)
    services.collection.ensure("first", 4)


def put_foreign(services: Services, number: int) -> None:
    put(
        services.collection,
        *((1 + point, [1.0, 0, 0, 0], {"video_code": "x"}) for point in range(number)),
    )


def test_one_foreign_point_stops_neither_runs_nor_searches(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    services.collection.ensure("m", 4)
    services.collection.replace(framed(), unit(2), "m")
    put_foreign(services, 3)
    anew = fresh(services.collection)
    assert anew.model() == "m"
    anew.ensure("m", 4)
    hits = anew.search([1.0, 0, 0, 0], limit=2)
    assert [hit.code for hit in hits] == [framed().video.code] * 2, "all places are frames'"
    assert "are not frames and passed over" in caplog.text
    found = verify(services, mend=True, foreign_points=True)
    assert (found.foreign["points"], found.repair and found.repair.foreign_points) == (3, 3)
    assert verify(services).foreign["points"] == 3, "nothing was asked to be done yet"
    assert remove_foreign_points(services.collection, apply=True) == 3
    assert verify(services).foreign["points"] == 0
    assert len(all_points(services.collection)) == 2


# A point that has all fields of a frame, with values of which one is none.
ODD: list[dict[str, Any]] = [
    {"platform": 5},
    {"video_code": ["a"]},
    {"video_code": "../../x", "path": "../../x/1_1.00.png"},
    {"frame_number": "7"},
    {"frame_number": -1},
    {"frame_number": 10**18},
    {"frame_second": None},
    {"frame_second": "x"},
    {"scene_start": {}},
    {"path": "../../../etc/passwd"},
    {"path": None},
    {"model": 7},
]


def test_points_with_values_of_another_kind_are_passed_over(services: Services) -> None:
    services.collection.ensure("m", 4)
    services.collection.replace(framed(), unit(2), "m")
    (one, _) = services.collection.frames()
    fields = {
        "platform": one.platform, "video_code": one.code, "frame_number": 1, "path": one.path,
        "frame_second": 1.0, "scene_start": 0.0, "scene_end": 2.0, "model": "m",
    }  # fmt: skip
    odd = [{**fields, **each} for each in ODD]
    put(services.collection, *((1 + at, [1.0, 0, 0, 0], each) for at, each in enumerate(odd)))
    anew = fresh(services.collection)
    assert anew.model() == "m"
    anew.ensure("m", 4)
    hits = anew.search([1.0, 0, 0, 0], limit=2)
    assert {hit.path for hit in hits} == {frame.path for frame in anew.frames()}
    assert len(hits) == len(list(anew.frames())) == 2
    assert remove_foreign_points(anew, apply=True) == len(ODD)


def test_a_hash_that_is_none_is_taken_for_none(services: Services) -> None:
    services.collection.ensure("m", 4)
    services.collection.replace(framed(), unit(2), "m")
    ids = list(all_points(services.collection))
    for identifier, odd in zip(ids, (5, "zz"), strict=True):
        change(services.collection, identifier, dhash=odd)
    near = services.collection.nearest([1.0, 0, 0, 0], 2, where=FrameFilter())
    assert [each.frame.dhash for each in near] == ["", ""]


def test_a_collection_of_foreign_points_is_not_taken_for_ours(services: Services) -> None:
    make_plain(services.collection, "watched_frames")
    put_foreign(services, 1)
    with pytest.raises(ConfigurationError, match=r"made by another program .*none of its points"):
        fresh(services.collection).ensure("m", 4)


def test_search_without_a_collection(services: Services) -> None:
    assert services.collection.model() is None
    with pytest.raises(ConfigurationError, match="no collection 'watched_frames'"):
        services.collection.require()


def test_search_filters(services: Services) -> None:
    services.collection.ensure("m", 4)
    rows = unit(2)
    for video in (framed(), framed(code="other"), framed(platform="tiktok")):
        services.collection.replace(video, rows, "m")
    collection = services.collection
    hits = collection.search(rows[1].tolist(), 10, None, None)
    assert [hit.frame_number for hit in hits] == [75, 75, 75, 50, 50, 50]
    assert hits[0].score == pytest.approx(1.0, abs=1e-4)
    assert {hit.platform for hit in collection.search(rows[0].tolist(), 9, "tiktok", None)} == {
        "tiktok"
    }
    assert {hit.code for hit in collection.search(rows[0].tolist(), 9, None, "other")} == {"other"}
    assert len(collection.search(rows[0].tolist(), 1, None, None)) == 1


def test_an_unreachable_server_is_named_and_its_key_is_not(settings: Settings) -> None:
    from pydantic import SecretStr

    unreachable = settings.having(
        "index", url="http://127.0.0.1:9", key=SecretStr("hunter2"), attempts=2, timeout_s=1
    )
    told = pytest.raises(TransientError, match=r"http://127\.0\.0\.1:9.*QDRANT_URL")
    with Services(unreachable) as services, told as caught:
        services.collection.ensure("m", 4)
    assert "hunter2" not in str(caught.value)


def test_no_address(settings: Settings) -> None:
    told = pytest.raises(ConfigurationError, match="QDRANT_URL is not set")
    with Services(settings.having("index", url=None)) as services, told:
        _ = services.collection


def test_the_local_mode_serves_one_process_at_a_time(settings: Settings) -> None:
    settings = settings.having("index", engine="local")
    with Services(settings) as one, Services(settings) as other:
        one.collection.ensure("model", 4)
        with pytest.raises(TransientError, match="in use by another process"):
            _ = other.collection
    # From Python 3.13 on, a database left open is reported when it is collected.
    gc.collect()


def test_points_that_are_gone_are_indexed_anew(tmp_path: Path, corpus: Corpus) -> None:
    corpus.add(numbered_video(tmp_path / "v.mp4", [number / 10 for number in range(30)]))
    (entry,) = corpus.through(*PHASES)
    assert isinstance(entry.result, IndexedVideo)
    before = all_points(corpus.services.collection)
    (again,) = corpus.through(*PHASES)
    assert again.steps[-1].reused
    assert [step.phase for step in again.steps] == list(PHASES)
    corpus.services.collection.remove([next(iter(before))])
    (healed,) = corpus.through(*PHASES)
    assert not healed.steps[-1].reused
    assert set(all_points(corpus.services.collection)) == set(before)


def test_a_changed_model_is_refused_before_anything_is_mixed(
    tmp_path: Path, corpus: Corpus
) -> None:
    pytest.importorskip("torch", reason="needs torch: make models")
    from tests.models import save_clip

    corpus.add(numbered_video(tmp_path / "v.mp4", [number / 10 for number in range(30)]))
    corpus.through(*PHASES)
    services = corpus.services
    before = all_points(services.collection)
    other = save_clip(tmp_path / "tiny-clip", dim=384)
    changed = services.settings.having("embed", model=str(other))
    services.close()
    with Services(changed) as other_model:
        second = Corpus(other_model)
        second.videos = corpus.videos
        with pytest.raises(ConfigurationError, match=r"vectors of packaged:conse.*tiny-clip@"):
            second.through(*PHASES)
        assert all_points(other_model.collection) == before


def test_manifests_of_different_shards(services: Services) -> None:
    from components.records.videos import EmbeddedVideo, PublishedVideo

    root = "s3://oriane-artifacts/runs/r/0"
    one, other = framed(), framed(code="other")
    published = Entry[PublishedVideo](
        video=one.video, result=PublishedVideo(framed=one, bucket="frames")
    )
    embedded = Entry[EmbeddedVideo](
        video=other.video,
        result=EmbeddedVideo(framed=other, vectors=f"{root}/v.npy", model="m", dim=4),
    )
    index = component("index")
    inputs = index.inputs(
        published=Manifest[PublishedVideo].write(
            services.store, f"{root}/upload.jsonl", [published]
        ),
        embedded=Manifest[EmbeddedVideo].write(services.store, f"{root}/embed.jsonl", [embedded]),
    )
    with pytest.raises(ManifestError, match="different videos"):
        run(index, inputs, services)


def test_settings_that_return_replace_what_others_published(corpus: Corpus, tmp_path: Path) -> None:
    """Files and points of other settings have the same names, so names prove nothing."""
    corpus.add(bordered_video(tmp_path / "v.mp4", inside=(192, 96), bars=(24, 24, 0, 0)))
    services = corpus.services

    def published(crop: bool) -> tuple[list[str], dict[str, dict[str, object]]]:
        services.settings = services.settings.having("crop", enabled=crop)
        corpus.through(*PHASES)
        frames = services.store.objects("s3://oriane-frames/local/v/")
        points = all_points(services.collection)
        for point in points.values():
            del point["created_at"]
        return [stored.etag for stored in frames if stored.uri.endswith(".png")], points

    cropped = published(True)
    assert published(False) != cropped
    assert published(True) == cropped
