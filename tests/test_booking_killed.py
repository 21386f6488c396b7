"""Index and record, killed before each side effect and started again: nothing lost or twice."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.pipeline import component
from components.records.manifest import Manifest
from components.records.videos import EmbeddedVideo, IndexedVideo, PublishedVideo
from components.running.phase import run
from components.running.services import Services
from components.settings import LedgerSettings, Settings
from tests.clips import numbered_video
from tests.conftest import Corpus
from tests.kills import dies_at
from tests.storage import SharedS3

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
RUN = "s3://oriane-artifacts/runs/test1/000000"
INDEX, RECORD = component("index"), component("record")


def index_and_record(services: Services) -> None:
    published = Manifest[PublishedVideo](f"{RUN}/upload.jsonl")
    embedded = Manifest[EmbeddedVideo](f"{RUN}/embed.jsonl")
    run(INDEX, INDEX.inputs(published=published, embedded=embedded), services)
    indexed = Manifest[IndexedVideo](f"{RUN}/index.jsonl")
    run(RECORD, RECORD.inputs(manifest=indexed, run="r1"), services)


def state(services: Services) -> dict[str, Any]:
    marker = services.markers.done("local", "clip")
    ledger = services.ledger
    assert marker
    assert ledger
    booking = ledger.booking("local", "clip")
    assert booking
    return {
        "marker": marker.model_copy(update={"recorded_at": "", "seconds": {}}),
        "booking": {**vars(booking), "updated_at": None, "seconds": None},
        "events": [(event.event, event.run) for event in ledger.events("local", "clip")],
        "points": sorted(point.id for point in services.collection.points()),
        "leases": ledger.leases(),
    }


def test_every_kill_heals_at_the_next_start(
    corpus: Corpus, tmp_path: Path, shared_s3: SharedS3, database: LedgerSettings, postgres: Any
) -> None:
    corpus.add(numbered_video(tmp_path / "clip.mp4", [number / 5 for number in range(10)]))
    corpus.through("fetch", "crop", "frame", "dedup", "upload", "embed")
    corpus.services.close()
    ends = []
    for effect in itertools.count(-1):
        folder = tmp_path / f"killed{effect}"
        shutil.copytree(tmp_path / "s3", folder / "s3")
        name = f"killed{effect + 1}_of_{database.name}"
        postgres.psql(f"CREATE DATABASE {name};")
        with shared_s3.over(folder / "s3") as storage:
            settings: Settings = replace(corpus.services.settings, storage=storage)
            settings = settings.having("index", url=str(folder / "qdrant"))
            settings = replace(settings, ledger=database.model_copy(update={"name": name}))
            killed = effect >= 0 and dies_at(effect, settings, index_and_record)
            with Services(settings) as services:
                assert services.ledger
                services.ledger.lease([("local", "clip")], "r1", 1)
                index_and_record(services)
                ends.append(state(services))
        assert ends[-1] == ends[0], f"killed before side effect {effect}"
        if effect >= 0 and not killed:
            break
    assert effect > 8, "index and record have at least so many side effects"
    assert ends[0]["events"] == [("done", "r1")]
    assert ends[0]["leases"] == []
