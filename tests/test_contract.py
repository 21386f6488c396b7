"""The contract: light, described, and wired by type."""

from __future__ import annotations

import subprocess
import sys

import pytest

from components.dag import Item, Output, Step, WiringError
from components.pipeline import COMPONENTS, PHASES, component, video_to_embedding
from components.records.manifest import Manifest
from components.records.videos import CroppedVideo, FramedVideo, Video

HEAVY = {
    "av",
    "cv2",
    "numpy",
    "torch",
    "transformers",
    "qdrant_client",
    "qdrant_edge",
    "psycopg",
    "boto3",
    "PIL",
}


def loaded(code: str) -> set[str]:
    command = [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"]
    return set(subprocess.check_output(command, text=True).split())


def test_contracts_are_light() -> None:
    everything = "; ".join(f"import components.{name}.contract" for name in COMPONENTS)
    assert HEAVY.isdisjoint(loaded(everything))


def test_the_dag_and_the_command_line_are_light() -> None:
    assert HEAVY.isdisjoint(loaded("import components.pipeline as p; p.video_to_embedding()"))
    assert HEAVY.isdisjoint(loaded("import workflows.cli.app"))


# What a phase needs of these before it starts on a video; the others load none of them.
NEEDS = {
    "plan": set[str](),
    "dedup": {"numpy", "PIL", "imagehash"},
    "upload": set[str](),
    "embed": {"numpy", "PIL"},
    "index": {"numpy"},
    "record": set[str](),
    "digest": set[str](),
}


@pytest.mark.parametrize("phase", NEEDS)
def test_a_phase_starts_with_what_it_needs_and_no_more(phase: str) -> None:
    """Ready to work is: its code imported, settings read, S3's client made."""
    modules = loaded(
        f"import components.__main__, components.{phase}.run; "
        "from components.running.services import Services; "
        "from components.settings import Settings; "
        "Services(Settings.load()).close()"
    )
    large = HEAVY - {"boto3"} | {"cv2", "imagehash", "grpc", "scenedetect"}
    assert large & modules == NEEDS[phase]


@pytest.mark.parametrize("phase", COMPONENTS)
def test_every_input_and_output_is_described(phase: str) -> None:
    declared = component(phase)
    assert declared.name == phase
    assert declared.purpose
    for model in (declared.inputs, declared.outputs):
        for name, field in model.model_fields.items():
            assert field.description, f"{phase}.{name}"
            assert not field.description.endswith("."), f"{phase}.{name}"


def test_the_dag_has_every_phase_after_what_it_needs() -> None:
    seen: set[str] = set()
    for step in video_to_embedding().steps():
        assert step.depends_on <= seen
        seen.add(step.name)
    assert seen == set(PHASES)


def test_fused_one_step_stands_for_the_phases_that_it_runs() -> None:
    split, fused = video_to_embedding(), video_to_embedding(fused=True)
    names = [name for step in fused.steps() for name in step.component.runs or (step.name,)]
    assert names == [step.name for step in split.steps()]
    assert fused.each[0] == Step(component("prepare"), {"manifest": Item(fused.over)})


@pytest.mark.parametrize(("fused", "before"), [(False, "dedup"), (True, "prepare")])
def test_upload_and_embed_run_side_by_side(fused: bool, before: str) -> None:
    steps = {step.name: step for step in video_to_embedding(fused=fused).steps()}
    assert steps["upload"].depends_on == steps["embed"].depends_on == {before}
    assert steps["index"].depends_on >= {"upload", "embed"}


def test_wiring_a_phase_to_the_wrong_predecessor_fails() -> None:
    cropped = Output("crop", "manifest", Manifest[CroppedVideo])
    with pytest.raises(WiringError, match=r"dedup: input 'manifest' takes .*FramedVideo.*crop"):
        Step(component("dedup"), {"manifest": cropped})
    with pytest.raises(WiringError, match="'manifest' is not given"):
        Step(component("dedup"), {})
    framed = Output("frame", "manifest", Manifest[FramedVideo])
    with pytest.raises(WiringError, match="has no input 'video'"):
        Step(component("dedup"), {"manifest": framed, "video": framed})
    shards = Output("plan", "shards", tuple[Manifest[Video], ...])
    assert Step(component("fetch"), {"manifest": Item(shards)}).depends_on == {"plan"}


def test_unknown_phase() -> None:
    with pytest.raises(KeyError):
        component("transcribe")
