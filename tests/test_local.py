"""The DAG on one machine: branches side by side, failures that stay with their shard."""

from __future__ import annotations

import gc
import importlib
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.errors import ConfigurationError, TransientError
from components.pipeline import video_to_embedding
from components.records.videos import RecordedVideo
from components.running.decoders import Decoders
from components.running.services import Services
from components.running.shard import run_each
from components.settings import Settings
from tests.clips import numbered_video
from tests.conftest import Corpus, SharedDecoders
from workflows.local.engine import LocalRun

# After which who waits is taken to wait for ever; nothing takes so long on any machine.
HANGS_S = 600


def run_all(services: Services, **options: Any) -> dict[str, Any]:
    """Plan over the source bucket and run everything; return the final entries by code."""
    local = LocalRun(video_to_embedding(), services, options.pop("shards_in_flight", 1))
    known = local.plan(source="s3://oriane-contents/", run="r", **options)
    return {entry.video.code: entry for shard in local.shards(known) for entry in shard}


@pytest.fixture
def three(tmp_path: Path, corpus: Corpus) -> Services:
    path = numbered_video(tmp_path / "v.mp4", [number / 10 for number in range(20)])
    for code in ("a", "b", "c"):
        corpus.add(path, code)
    return corpus.services


def holders(code: str) -> list[Any]:
    """Return what the garbage collector knows that holds a text with this video in it.

    Not the names of shards, which are known from the plan to the end.
    """
    urllib.parse.clear_cache()
    gc.collect()
    apart = {code, f"000000-local-{code}"}
    return [
        held
        for held in gc.get_objects()
        if any(code in text and text not in apart for text in texts(held))
    ]


def texts(held: Any) -> Iterator[str]:
    """Yield what an object holds itself, or in what the garbage collector does not know."""
    for part in gc.get_referents(held):
        # Not isinstance, which asks objects of other packages for their __class__: some warn then.
        kind = type(part)
        if issubclass(kind, str):
            yield part
        elif issubclass(kind, (dict, tuple)) and not gc.is_tracked(part):
            yield from texts(part)


def replaced(monkeypatch: pytest.MonkeyPatch, phase: str, before: Any) -> None:
    """Call `before(inputs)` whenever the phase is run."""
    module = importlib.import_module(f"components.{phase}.run")
    run = module.run

    def wrapped(inputs: Any, services: Services) -> Any:
        before(inputs)
        return run(inputs, services)

    monkeypatch.setattr(module, "run", wrapped)


def test_upload_overlaps_embed(three: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the other to begin: one after the other, they would wait in vain."""
    both = threading.Barrier(2, timeout=HANGS_S)
    for phase in ("upload", "embed"):
        replaced(monkeypatch, phase, lambda inputs: both.wait())
    entries = run_all(three, videos_per_shard=3)
    assert all(isinstance(entry.result, RecordedVideo) for entry in entries.values())


def test_shards_run_side_by_side(three: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    three_at_once = threading.Barrier(3, timeout=HANGS_S)
    replaced(monkeypatch, "dedup", lambda inputs: three_at_once.wait())
    assert len(run_all(three, shards_in_flight=3)) == 3


def test_a_shard_that_fails_leaves_the_others_alone(
    three: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_second(inputs: Any) -> None:
        if "/000001/" in inputs.manifest.uri:
            raise TransientError("http://somewhere cannot be reached")

    replaced(monkeypatch, "frame", fail_second)
    entries = run_all(three)
    problem = entries["b"].problem
    assert (problem.kind, problem.phase) == ("failed", "frame")
    assert "http://somewhere" in problem.message
    assert isinstance(entries["a"].result, RecordedVideo)
    assert isinstance(entries["c"].result, RecordedVideo)


def test_shards_are_given_up_when_one_after_the_other_fails(
    tmp_path: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = numbered_video(tmp_path / "v.mp4", [number / 10 for number in range(20)])
    for number in range(6):
        corpus.add(path, f"v{number}")
    tried: list[str] = []

    def fail(inputs: Any) -> None:
        tried.append(inputs.manifest.uri)
        raise TransientError("down")

    replaced(monkeypatch, "fetch", fail)
    entries = run_all(corpus.services)
    assert len(tried) == 3
    assert [entry.problem.kind for entry in entries.values()] == ["failed"] * 6
    assert "not tried" in entries["v5"].problem.message


def test_what_no_shard_escapes_ends_the_run(
    three: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(inputs: Any) -> None:
        raise ConfigurationError("the collection does not fit")

    replaced(monkeypatch, "index", refuse)
    with pytest.raises(ConfigurationError, match="does not fit"):
        run_all(three)


def test_a_bug_fails_one_video_and_is_logged(
    three: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def buggy(component: Any, manifest: Any, services: Any, work: Any, **options: Any) -> Any:
        def broken(job: Any) -> Any:
            if job.video.code == "b":
                raise ZeroDivisionError("a bug")
            return work(job)

        return run_each(component, manifest, services, broken, **options)

    monkeypatch.setattr("components.dedup.run.run_each", buggy)
    entries = run_all(three, videos_per_shard=3)
    assert entries["b"].problem.reason == "internal_error"
    assert "ZeroDivisionError: a bug" in entries["b"].problem.message
    assert "Traceback" in caplog.text
    assert isinstance(entries["a"].result, RecordedVideo)


def test_nothing_is_held_of_a_video_after_its_shard(
    tmp_path: Path, settings: Settings, decoders: Decoders, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", logger="oriane")
    path = numbered_video(tmp_path / "v.mp4", [number / 10 for number in range(20)])
    first, *others = (f"remembered{number}" for number in range(3))
    with SharedDecoders(settings, decoders, every_phase=True) as services:
        for code in (first, *others):
            uri = f"s3://oriane-contents/local/{code}/video.mp4"
            services.store.upload(uri, path, "video/mp4")
        del uri
        local = LocalRun(video_to_embedding(), services, shards_in_flight=1)
        known = local.plan(source="s3://oriane-contents/", run="r", videos_per_shard=1)
        shards = local.shards(known)
        entries = next(shards)
        assert entries[0].result
        assert holders(first)
        for entries in shards:
            assert entries[0].result
        assert holders(first) == []
