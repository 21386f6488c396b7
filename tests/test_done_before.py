"""A run over videos that are done: one read each, and never more done than is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.pipeline import component, video_to_embedding
from components.records.done_marker import DoneMarker
from components.records.manifest import Manifest
from components.records.videos import Video
from components.running.decoders import Decoders
from components.running.phase import run
from components.running.services import Services
from components.settings import LedgerSettings, Settings
from tests.clips import numbered_video
from tests.conftest import Corpus, SharedDecoders
from tests.s3_requests import counted
from workflows.local.engine import LocalRun

PLAN = component("plan")
SOURCE = "s3://oriane-contents/"


@pytest.fixture
def one_process(settings: Settings, decoders: Decoders) -> Iterator[Services]:
    with SharedDecoders(settings, decoders, every_phase=True) as services:
        yield services


def planned(services: Services, **inputs: Any) -> tuple[list[str], list[str]]:
    """Return the videos that a plan takes, and those that it finds done."""
    outputs = run(PLAN, PLAN.inputs(run="r", **(inputs or {"source": SOURCE})), services)
    shards: tuple[Manifest[Video], ...] = outputs.shards
    taken = [str(entry.video) for shard in shards for entry in shard.read(services.store)]
    return taken, [video.name for video in services.reused]


def worked(services: Services) -> None:
    """Take whatever is not done through all phases."""
    local = LocalRun(video_to_embedding(), services, 2)
    known = local.plan(source=SOURCE, videos_per_shard=20, run="first")
    for entries in local.shards(known):
        assert [entry.problem for entry in entries] == [None] * len(entries)


def added(services: Services, clip: Path, *codes: str) -> Corpus:
    corpus = Corpus(services)
    for code in codes:
        corpus.add(clip, code)
    return corpus


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return numbered_video(tmp_path / "clip.mp4", [number / 5 for number in range(10)], 160, 90)


def test_what_is_done_costs_one_read(one_process: Services, clip: Path) -> None:
    codes = [f"v{number:02}" for number in range(6)]
    added(one_process, clip, *codes)
    worked(one_process)
    names = [f"local/{code}" for code in codes]
    with counted(one_process) as calls:
        assert planned(one_process) == ([], names)
    beside_videos = {"ListObjectsV2": 2, "PutObject": 3}
    # And what videos take on this machine, by earlier runs.
    assert calls == {"GetObject": len(codes) + 1, **beside_videos}, calls
    job_input = '[{"platform": "local", "code": "v01"}, {"platform": "local", "code": "v04"}]'
    with counted(one_process) as calls:
        assert planned(one_process, job_input=job_input) == ([], ["local/v01", "local/v04"])
    assert calls == {"GetObject": 2 + 1, **beside_videos}, "named videos are listed as well"


def _frame(services: Services, code: str) -> str:
    listed = services.store.objects(f"s3://oriane-frames/local/{code}/")
    return next(stored.uri for stored in listed if stored.uri.endswith(".png"))


def _frame_gone(services: Services) -> None:
    services.store.delete("oriane-frames", [_frame(services, "b").split("/", 3)[3]])


def _stray_frame(services: Services) -> None:
    services.store.put("s3://oriane-frames/local/b/999_9.99.png", b"png", "image/png")


def _points_gone(services: Services) -> None:
    services.collection.remove([point.id for point in services.collection.points("local", "b")])


def _one_point_gone(services: Services) -> None:
    services.collection.remove([next(services.collection.points("local", "b")).id])


def _other_source(services: Services) -> None:
    uri = f"{SOURCE}local/b/video.mp4"
    services.store.put(uri, services.store.get(uri) + bytes(8), "video/mp4")


def _marker_gone(services: Services) -> None:
    services.markers.remove("local", "b", "manifest.json")


def _half_a_marker(services: Services) -> None:
    uri = services.markers.address("local", "b", "manifest.json")
    services.store.put(uri, services.store.get(uri)[:100], "application/json")


def _marked(services: Services, **changes: Any) -> None:
    marker = services.markers.done("local", "b")
    assert isinstance(marker, DoneMarker)
    services.markers.replace_done(marker.model_copy(update=changes))


def _marker_of_other_settings(services: Services) -> None:
    marker = services.markers.done("local", "b")
    assert marker
    _marked(services, fingerprints={**marker.fingerprints, "dedup": "other"})


def _marker_without_a_phase(services: Services) -> None:
    marker = services.markers.done("local", "b")
    assert marker
    _marked(services, fingerprints={"record": marker.fingerprints["record"]})


def _rejected_since(services: Services) -> None:
    uri = services.markers.address("local", "b", "rejected.json")
    services.store.put(uri, b"{}", "application/json")


@pytest.fixture(scope="module")
def changes() -> list[Callable[[Services], None]]:
    return [
        _frame_gone,
        _stray_frame,
        _one_point_gone,
        _points_gone,
        _other_source,
        _marker_gone,
        _half_a_marker,
        _marker_of_other_settings,
        _marker_without_a_phase,
        _rejected_since,
    ]


def test_whatever_is_not_as_it_was_is_worked_on(
    one_process: Services, clip: Path, changes: list[Callable[[Services], None]]
) -> None:
    added(one_process, clip, "a", "b", "c")
    worked(one_process)
    for change in changes:
        change(one_process)
        assert planned(one_process) == (["local/b"], ["local/a", "local/c"]), change.__name__
        worked(one_process)
        every = ["local/a", "local/b", "local/c"]
        assert planned(one_process) == ([], every), f"mended after {change.__name__}"


def test_other_settings_take_nothing_over(one_process: Services, clip: Path) -> None:
    added(one_process, clip, "a")
    worked(one_process)
    settings = one_process.settings
    for group, field, value in (
        ("dedup", "tolerance", 7),
        ("frame", "min_frames", 2),
        ("index", "collection", "others"),
    ):
        one_process.settings = settings.having(group, **{field: value})
        assert planned(one_process) == (["local/a"], [])
    # Nothing that they leave alone.
    one_process.settings = settings.having("embed", batch_size=3)
    assert planned(one_process) == ([], ["local/a"])


def test_what_only_the_artifacts_held_is_not_missed(one_process: Services, clip: Path) -> None:
    """A rule that expires artifacts must not make all videos decode again."""
    added(one_process, clip, "a")
    worked(one_process)
    held = [stored.uri for stored in one_process.store.objects("s3://oriane-artifacts/results/")]
    one_process.store.delete_all("oriane-artifacts", (uri.split("/", 3)[3] for uri in held))
    assert planned(one_process) == ([], ["local/a"])


def test_the_ledger_has_the_last_word(
    one_process: Services, clip: Path, database: LedgerSettings
) -> None:
    from dataclasses import replace

    one_process.settings = replace(one_process.settings, ledger=database)
    added(one_process, clip, "a", "b")
    worked(one_process)
    assert planned(one_process) == ([], ["local/a", "local/b"])
    ledger = one_process.ledger
    assert ledger
    ledger.request("local", "a", {"by": "somebody"})
    assert planned(one_process) == (["local/a"], ["local/b"])
    ledger.forget("local", "b")
    assert planned(one_process) == (["local/a", "local/b"], [])


def test_folders_are_found_wherever_they_lie(one_process: Services) -> None:
    """Close together, far apart, missing, empty, with more objects than a page has."""
    store = one_process.store
    for number in range(250):
        store.put(f"s3://oriane-frames/p/many/{number:03}", b"", "text/plain")
        if number % 10 == 0:
            store.put(f"s3://oriane-frames/p/v{number:03}/one", b"", "text/plain")
            store.put(f"s3://oriane-frames/p/v{number:03}-b/two", b"", "text/plain")
    wanted = sorted(["o/x/", "p/many/", "p/v000/", "p/v010-b/", "p/v015/", "p/v240/", "z/z/"])
    found = {
        folder: [stored.uri.rpartition("/")[2] for stored in objects]
        for folder, objects in store.objects_by_folder("oriane-frames", wanted)
    }
    assert found == {
        "o/x/": [],
        "p/many/": [f"{number:03}" for number in range(250)],
        "p/v000/": ["one"],
        "p/v010-b/": ["two"],
        "p/v015/": [],
        "p/v240/": ["one"],
        "z/z/": [],
    }
    assert dict(store.objects_by_folder("oriane-frames", [])) == {}
