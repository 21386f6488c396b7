"""Booking: a done marker in S3, states and errors in a real Postgres."""

from __future__ import annotations

import json

import pytest

from components.errors import TransientError
from components.pipeline import component
from components.records.manifest import Entry, Manifest, Problem
from components.records.videos import IndexedVideo, RecordedVideo, Video
from components.running.phase import run
from components.running.services import Services
from components.settings import LedgerSettings
from tests.conftest import Corpus
from tests.postgres import query
from tests.vectors import framed

RECORD = component("record")


def entries(services: Services) -> Manifest[IndexedVideo]:
    good = framed()
    indexed = IndexedVideo(framed=good, collection="watched_frames", model="m", dim=4)
    bad = Video(platform="local", code="bad", source="s3://videos/local/bad/video.mp4")
    problem = Problem(kind="rejected", phase="fetch", reason="empty", message="no bytes")
    return Manifest[IndexedVideo].write(
        services.store,
        "s3://oriane-artifacts/runs/r/0/index.jsonl",
        [
            Entry[IndexedVideo](video=good.video, result=indexed),
            Entry[IndexedVideo](video=bad, problem=problem),
        ],
    )


def test_marker_and_rows(services: Services, database: LedgerSettings) -> None:
    from dataclasses import replace

    services.settings = replace(services.settings, ledger=database)
    inputs = RECORD.inputs(manifest=entries(services), run="r1")
    for _ in range(2):
        outputs = run(RECORD, inputs, services)
        assert (outputs.done, outputs.rejected, outputs.failed) == (1, 1, 0)
    done, rejected = outputs.manifest.read(services.store)
    assert isinstance(done.result, RecordedVideo)
    assert done.result.marker == "s3://oriane-frames/instagram/DKOicvaMxAb/manifest.json"
    assert rejected.problem
    marker = json.loads(services.store.get(done.result.marker))
    assert marker["frames"][0]["path"] == "instagram/DKOicvaMxAb/50_6.63.png"
    assert (marker["etag"], marker["model"], marker["run"]) == ("e", "m", "r1")
    rows = query(database, "SELECT platform, code, state, frames FROM videos ORDER BY 1")
    assert rows == [("instagram", "DKOicvaMxAb", "done", 2), ("local", "bad", "rejected", None)]


def test_local_mode_needs_no_database(corpus: Corpus) -> None:
    inputs = RECORD.inputs(manifest=entries(corpus.services), run="r1")
    assert run(RECORD, inputs, corpus.services).done == 1


def test_a_marker_that_other_settings_wrote_is_written_anew(corpus: Corpus) -> None:
    services, uri = corpus.services, "s3://oriane-frames/instagram/DKOicvaMxAb/manifest.json"
    for run_name in ("r1", "r2"):
        run(RECORD, RECORD.inputs(manifest=entries(services), run=run_name), services)
    marker = json.loads(services.store.get(uri))
    assert marker["run"] == "r1", "nothing was new in r2"
    changed = marker | {"fingerprints": {"dedup": "other"}}
    services.store.put(uri, json.dumps(changed).encode(), "application/json")
    run(RECORD, RECORD.inputs(manifest=entries(services), run="r3"), services)
    again = json.loads(services.store.get(uri))
    assert (again["run"], again["fingerprints"]) == ("r3", marker["fingerprints"])


def test_a_database_that_is_down_leaves_no_marker(
    services: Services, database: LedgerSettings
) -> None:
    from dataclasses import replace

    down = database.model_copy(update={"host": "127.0.0.1", "port": 9})
    services.settings = replace(services.settings, ledger=down)
    with pytest.raises(TransientError):
        run(RECORD, RECORD.inputs(manifest=entries(services)), services)
    assert not services.store.exists("s3://oriane-frames/instagram/DKOicvaMxAb/manifest.json")
