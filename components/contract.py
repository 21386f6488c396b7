"""What a component is: typed inputs and outputs, the image it runs in, what it needs.

A component is declared once, in `components/<name>/contract.py`. From that declaration come its
command line, its place in the DAG (`components.pipeline`), its Argo template, its Kubeflow
component, its image, its page in the reference and its row in a forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class Inputs(BaseModel):
    """Base of a component's inputs: scalars, or manifests typed by what they carry."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Outputs(BaseModel):
    """Base of a component's outputs; each field is written to its `--out_<name>` path."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ShardOutputs(Outputs):
    """The counts that every phase over a shard returns beside its manifest."""

    done: int = Field(description="Videos that go on to the next phase")
    rejected: int = Field(description="Videos rejected so far")
    failed: int = Field(
        description="Videos that failed in this phase; if any, the process ends with 75"
    )


class Resources(BaseModel):
    """What one pod of the component asks for; `cpu` in cores, memory and disk in GiB.

    A pod that takes longer than `deadline_s` seconds is ended.
    """

    model_config = ConfigDict(frozen=True)

    cpu: float = Field(gt=0)
    memory_gib: float = Field(gt=0)
    disk_gib: float = Field(0.1, gt=0)
    gpu: int = Field(0, ge=0)
    deadline_s: int = Field(3600, gt=0)


class Traffic(BaseModel):
    """What a phase asks of S3 for a video, for forecasts; a test counts a real run's requests.

    `requests` and `requests_a_frame` are numbers of requests. Files are read and written whole:
    `frames` stands for the tar of the video's frames, or the frames one by one.
    """

    model_config = ConfigDict(frozen=True)

    requests: int = 2
    requests_a_frame: int = 0
    reads_source: bool = False
    reads_frames: bool = False
    writes_frames: bool = False


_USUAL_TRAFFIC = Traffic()

In = TypeVar("In", bound=Inputs)
Out = TypeVar("Out", bound=Outputs)


@dataclass(frozen=True)
class Component(Generic[In, Out]):
    """What one pod runs: a phase, or several.

    `settings` names the groups of `Settings` it reads. With `compares` it holds what decides the
    phases' results against what made earlier ones: its pods see those groups too, but no
    credentials that belong to them.
    `builds_on` names the inputs whose entries' fingerprints the phase's own continues.
    `decodes` says that it reads video files, in the worker processes that are kept apart.
    `version` goes into the fingerprint: raise it when the same inputs and settings give another
    result than before.
    `traffic` is what it asks of S3 for a video.
    `cuda` says what its image for a GPU adds: FFmpeg with NVENC and NVDEC, or torch's CUDA build.
    `gauges` names the outputs that monitoring shows as the last run left them: numbers.
    `runs` names the phases that the component only strings together, each of which takes the
    `manifest` of the one before; it has no work, fingerprint or result of its own.
    """

    name: str
    purpose: str
    inputs: type[In]
    outputs: type[Out]
    resources: Resources
    settings: tuple[str, ...]
    compares: bool = False
    builds_on: tuple[str, ...] = ("manifest",)
    decodes: bool = False
    version: int = 1
    traffic: Traffic = _USUAL_TRAFFIC
    cuda: Literal["", "ffmpeg", "torch"] = ""
    gauges: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    @property
    def image(self) -> str:
        """The container image's name, without registry and tag."""
        return f"oriane-{self.name}"


def fused(
    name: str, purpose: str, phases: Sequence[Component[Any, Any]]
) -> Component[Inputs, Outputs]:
    """Return the component that runs the phases one after the other in one process.

    It needs as much as the largest of them, for as long as all together.
    """
    needs = [phase.resources for phase in phases]
    return Component(
        name=name,
        purpose=purpose,
        inputs=phases[0].inputs,
        outputs=phases[-1].outputs,
        resources=Resources(
            cpu=max(need.cpu for need in needs),
            memory_gib=max(need.memory_gib for need in needs),
            disk_gib=max(need.disk_gib for need in needs),
            gpu=max(need.gpu for need in needs),
            deadline_s=sum(need.deadline_s for need in needs),
        ),
        settings=tuple(dict.fromkeys(group for phase in phases for group in phase.settings)),
        decodes=any(phase.decodes for phase in phases),
        cuda=next((phase.cuda for phase in phases if phase.cuda), ""),
        runs=tuple(phase.name for phase in phases),
    )
