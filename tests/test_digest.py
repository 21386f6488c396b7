"""The digest: what a run came to, from whatever its shards left."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from components.errors import RunFailedError
from components.pipeline import component
from components.records.manifest import Entry, GpuTime, Manifest, PhaseStep, Problem
from components.records.record import Record
from components.records.videos import IndexedVideo, RecordedVideo, Video
from components.running.phase import run as run_phase
from components.running.services import Services
from tests import readable
from tests.conftest import Corpus
from tests.vectors import framed

DIGEST = component("digest")
BUCKET = "oriane-artifacts"
PHASES_BEFORE_RECORD = ("plan", "fetch", "crop", "frame", "dedup", "upload", "embed", "index")


def entry(code: str, problem: str = "", kind: str = "rejected", **seconds: float) -> Entry[Any]:
    """Return a video that spent `seconds` in phases; 0 means that its result was reused."""
    video = Video(platform="p", code=code, source=f"s3://oriane-contents/p/{code}/video.mp4")
    steps = tuple(
        PhaseStep(phase=phase, fingerprint="f", seconds=spent, reused=spent == 0)
        for phase, spent in seconds.items()
    )
    stopped = {"kind": kind, "phase": "fetch", "reason": problem, "message": f"{problem}: why"}
    return Entry[Any](
        video=video,
        steps=steps,
        problem=Problem.model_validate(stopped) if problem else None,
    )


def write(services: Services, run: str, shard: int, phase: str, *entries: Entry[Any]) -> None:
    uri = f"s3://{BUCKET}/runs/{run}/{shard:06d}/{phase}.jsonl"
    Manifest[Record].write(services.store, uri, entries)


def digest(services: Services, run: str, **inputs: float) -> tuple[Any, dict[str, Any]]:
    outputs = run_phase(DIGEST, DIGEST.inputs(run=run, **inputs), services)
    return outputs, json.loads(services.store.get(outputs.digest))


def test_counts_reasons_seconds_and_slowest(services: Services) -> None:
    write(services, "r", 0, "plan", entry("a"), entry("b"))
    for phase in ("fetch", "crop", "frame", "dedup", "upload", "embed", "index"):
        write(services, "r", 0, phase)
    write(services, "r", 0, "record", entry("a", fetch=1.0, crop=4.0), entry("b", "truncated"))
    for phase in (*PHASES_BEFORE_RECORD, "record"):
        write(services, "r", 1, phase, entry("c", fetch=0, crop=2.5), entry("d", fetch=0, crop=0))
    outputs, found = digest(services, "r")
    assert (outputs.videos, outputs.done, outputs.rejected, outputs.failed) == (4, 3, 1, 0)
    assert (found["shards"], found["reused"]) == (2, 1)
    counts, reason = outputs.summary.splitlines()
    assert counts.startswith("4 videos in 2 shards: 3 done")
    assert reason == "1 rejected in fetch: truncated, p/b"
    assert found["seconds"] == {
        "fetch": {"videos": 1, "total": 1.0, "most": 1.0, "gpu_busy": None},
        "crop": {"videos": 2, "total": 6.5, "most": 4.0, "gpu_busy": None},
    }
    assert [slow["video"] for slow in found["slowest"]] == ["p/a", "p/c"]
    (reason,) = found["reasons"]
    assert (reason["reason"], reason["count"]) == ("truncated", 1)
    assert reason["examples"] == [{"video": "p/b", "message": "truncated: why"}]


def test_the_summary_names_the_first_videos_of_a_reason(services: Services) -> None:
    """It is what Argo's UI shows of the run, so it must not grow with the run."""
    videos = [entry(f"v{number}", "empty") for number in range(7)]
    write(services, "r", 0, "plan", *videos)
    for phase in ("fetch", "crop", "frame", "dedup", "upload", "embed", "index", "record"):
        write(services, "r", 0, phase, *videos)
    outputs, _ = digest(services, "r")
    _, reason = outputs.summary.splitlines()
    assert reason == "7 rejected in fetch: empty, p/v0, p/v1, p/v2, p/v3, p/v4 and 2 more"


def test_what_a_gpu_did(services: Services) -> None:
    entries = [entry("a", embed=2.0), entry("b", embed=3.0)]
    for number, busy_s in enumerate((0.5, 1.5)):
        step = (
            entries[number].steps[0].model_copy(update={"gpu": GpuTime(busy_s=busy_s, held_s=4.0)})
        )
        entries[number] = entries[number].model_copy(update={"steps": (step,)})
    for phase in (*PHASES_BEFORE_RECORD, "record"):
        write(services, "r", 0, phase, *entries)
    _, found = digest(services, "r")
    assert found["seconds"]["embed"]["gpu_busy"] == 0.25


def test_videos_of_which_no_frame_could_be_left_out(tmp_path: Path, corpus: Corpus) -> None:
    """By why, and not those of which some were."""
    corpus.add(readable.write(tmp_path / "v.mp4", "-c:v", "libx264", "-bf", 2), "mp4")
    corpus.add(readable.write(tmp_path / "v.avi", "-c:v", "libx264", "-bf", 2), "avi")
    corpus.through(*PHASES_BEFORE_RECORD, "record")
    _, found = digest(corpus.services, "test1")
    assert found["done"] == 2
    assert found["decoded_all"] == {"times": 1}


def test_a_shard_that_broke_off_counts_as_failed_where_it_stopped(services: Services) -> None:
    videos = [entry("a"), entry("b", "empty")]
    for phase in ("plan", "fetch", "crop", "frame", "dedup", "embed"):
        write(services, "r", 7, phase, *videos)
    outputs, found = digest(services, "r", max_failed_percent=50)
    assert (outputs.failed, outputs.rejected) == (1, 1)
    interrupted = next(reason for reason in found["reasons"] if reason["kind"] == "failed")
    assert (interrupted["phase"], interrupted["reason"]) == ("upload", "interrupted")
    assert "000007" in interrupted["examples"][0]["message"]


@pytest.mark.parametrize("through", [True, False])
def test_shards_of_a_newer_version_are_summed_up(services: Services, through: bool) -> None:
    """Children of a run that began before an upgrade are started from the new templates."""
    indexed = IndexedVideo(framed=framed(), collection="c", model="m", dim=4)
    made = Entry[Any](
        video=indexed.framed.video,
        result=RecordedVideo(indexed=indexed, marker="s3://frames/p/a/manifest.json"),
    )
    line = json.loads(made.model_dump_json())
    line |= {"version": "99.1.0", "later": 1}
    line["result"]["indexed"]["later"] = 1
    for phase in (*PHASES_BEFORE_RECORD, *(["record"] if through else [])):
        uri = f"s3://{BUCKET}/runs/r/000000/{phase}.jsonl"
        services.store.put(uri, json.dumps(line).encode(), "application/jsonl")
    outputs, found = digest(services, "r", max_failed_percent=100)
    assert (outputs.videos, outputs.done, outputs.failed) == (1, int(through), int(not through))
    assert through or found["reasons"][0]["phase"] == "record"


def test_a_digest_takes_as_much_memory_as_some_shards_whatever_their_number(
    services: Services,
) -> None:
    """16 MB are read ahead; these are 60 of a megabyte each."""
    shards = 60
    problem = Problem(kind="rejected", phase="fetch", reason="empty", message="m" * 2**20)
    large = entry("a").model_copy(update={"problem": problem})
    for shard in range(shards):
        for phase in (*PHASES_BEFORE_RECORD, "record"):
            write(services, "r", shard, phase, *([large] if phase == "record" else []))
    tracemalloc.start()
    try:
        outputs, _ = digest(services, "r", max_failed_percent=100)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outputs.rejected == shards
    assert peak < 45e6


def test_too_many_failures_fail_and_the_digest_is_there(services: Services) -> None:
    write(services, "r", 0, "plan", *(entry(f"v{number}") for number in range(3)))
    with pytest.raises(RunFailedError, match=r"3 of 3 videos failed, more than 10 %.*digest\.json"):
        digest(services, "r")
    assert services.store.exists(f"s3://{BUCKET}/runs/r/digest.json")


def test_a_run_without_videos(services: Services) -> None:
    outputs, found = digest(services, "nothing")
    assert outputs.videos == found["shards"] == 0


def test_it_sums_up_what_the_phases_really_write(corpus: Corpus) -> None:
    corpus.add(b"no video", "bad")
    phases = ("fetch", "crop", "frame", "dedup", "upload", "embed", "index", "record")
    corpus.through(*phases)
    outputs, found = digest(corpus.services, "test1")
    assert (outputs.videos, outputs.rejected) == (1, 1)
    assert found["reasons"][0]["reason"] == "not_a_video"
