"""prepare: four phases in one pod, with the results that they have in four."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.pipeline import component, components
from components.records.manifest import Entry, Manifest
from components.records.record import Record
from components.records.videos import Video
from components.running.phase import run
from tests.clips import numbered_video
from tests.conftest import Corpus

PREPARE = component("prepare")
PHASES = PREPARE.runs


@pytest.fixture
def two(corpus: Corpus, tmp_path: Path) -> Corpus:
    """A corpus of a video and of a file that is not one."""
    corpus.add(numbered_video(tmp_path / "one.mp4", [number / 5 for number in range(10)], 160, 90))
    corpus.add(b"no video", "bad")
    return corpus


def results(corpus: Corpus) -> dict[str, str]:
    """Return the phases' results and the files that these name, with their ETags."""
    stored = corpus.services.store.objects("s3://oriane-artifacts/results/")
    return {found.uri: found.etag for found in stored}


def settled(entries: list[Entry[Record]]) -> list[Any]:
    """Return what became of each video, whichever way it went."""
    return [(entry.video, entry.fingerprints, entry.result, entry.problem) for entry in entries]


@pytest.mark.parametrize(("first", "then"), [(PHASES, ["prepare"]), (["prepare"], PHASES)])
def test_each_way_reuses_what_the_other_did(two: Corpus, first: Any, then: Any) -> None:
    before = two.through(*first)
    made = results(two)
    after = two.through(*then)
    assert settled(before) == settled(after)
    assert [step.phase for step in after[0].steps if step.reused] == list(PHASES)
    assert results(two) == made
    runs = {stored.uri for stored in two.services.store.objects("s3://oriane-artifacts/runs/")}
    for name in ("test1", "test2"):
        shard = f"s3://oriane-artifacts/runs/{name}/000000/"
        assert {f"{shard}{phase}.jsonl" for phase in ("plan", *PHASES)} <= runs
        assert f"{shard}prepare.jsonl" not in runs


def test_what_fails_in_any_phase_has_failed_here_and_is_passed_on(two: Corpus) -> None:
    lost = two.add(b"", "lost")
    good = two.services.store.get(two.videos[0].source)
    two.services.store.put(lost.source, good, "video/mp4")

    def lose(phase: str, video: Video, outcome: str) -> None:
        if (phase, video.code) == ("fetch", "lost"):
            two.services.store.delete("oriane-contents", ["local/lost/video.mp4"])

    two.services.progress = lose
    entries = [Entry[Video](video=video, result=video) for video in two.videos]
    uri = "s3://oriane-artifacts/runs/r/000000/plan.jsonl"
    inputs = PREPARE.inputs(manifest=Manifest[Video].write(two.services.store, uri, entries))
    outputs = run(PREPARE, inputs, two.services)
    assert (outputs.done, outputs.rejected, outputs.failed) == (1, 1, 1)
    assert outputs.manifest.uri == uri.replace("plan", "dedup")
    ends = outputs.manifest.read(two.services.store)
    assert [entry.problem and entry.problem.phase for entry in ends] == [None, "fetch", "crop"]


@pytest.mark.parametrize("declared", [found for found in components() if found.runs])
def test_what_strings_phases_together_offers_what_each_of_them_needs(declared: Any) -> None:
    phases = [component(name) for name in declared.runs]
    inputs = [phase.inputs.model_fields["manifest"].annotation for phase in phases]
    outputs = [phase.outputs.model_fields["manifest"].annotation for phase in phases]
    assert inputs == [declared.inputs.model_fields["manifest"].annotation, *outputs[:-1]]
    assert declared.outputs.model_fields["manifest"].annotation == outputs[-1]
    assert set(declared.settings) == {group for phase in phases for group in phase.settings}
    for resource in ("cpu", "memory_gib", "disk_gib", "gpu"):
        most = max(getattr(phase.resources, resource) for phase in phases)
        assert getattr(declared.resources, resource) == most
    assert declared.resources.deadline_s == sum(phase.resources.deadline_s for phase in phases)
