"""What a component is: typed inputs and outputs, the image it runs in, what it needs.

A component is declared once, in `components/<phase>/contract.py`. From that declaration come its
command line, and in `workflows/` its place in the DAG, its Argo template and its Kubeflow
component.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from components.services import Services

# What a video goes through, in order.
PHASES = ("plan", "fetch", "crop", "frame", "dedup", "upload", "embed", "index", "record")
# What has an image: also prepare, four phases in one, and digest, which sums up a run.
COMPONENTS = (*PHASES[:5], "prepare", *PHASES[5:], "digest")


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


In = TypeVar("In", bound=Inputs)
Out = TypeVar("Out", bound=Outputs)


@dataclass(frozen=True)
class Component(Generic[In, Out]):
    """What one pod runs: a phase, or several. `settings` names the groups of `Settings` it reads.

    `compares` names groups whose values it compares with those that made earlier results; its pods
    see them, but no credentials that belong to them.
    `runs` names the phases that the component only strings together, each of which takes the
    `manifest` of the one before; it has no work, fingerprint or result of its own.
    `gauges` names the outputs that monitoring shows as the last run left them: numbers.
    `version` goes into the fingerprint: raise it when the same inputs and settings give another
    result than before.
    """

    name: str
    purpose: str
    inputs: type[In]
    outputs: type[Out]
    resources: Resources
    settings: tuple[str, ...]
    gauges: tuple[str, ...] = ()
    version: int = 1
    compares: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    @property
    def image(self) -> str:
        """The container image's name, without registry and tag."""
        return f"oriane-{self.name}"

    def run(self, inputs: In, services: Services) -> Out:
        """Do the work; `components/<name>/run.py` is imported only here."""
        if self.runs:
            return self._run_in_turn(inputs, services)
        module = importlib.import_module(f"components.{self.name}.run")
        return cast(Out, module.run(inputs, services))

    def _run_in_turn(self, inputs: In, services: Services) -> Out:
        """Hand the manifest from phase to phase; what failed in any of them has failed here."""
        manifest, failed = cast(Any, inputs).manifest, 0
        for name in self.runs:
            phase = component(name)
            outputs = phase.run(phase.inputs(manifest=manifest), services)
            manifest, failed = outputs.manifest, failed + outputs.failed
        return self.outputs(**{**dict(outputs), "failed": failed})


def component(name: str) -> Component[Any, Any]:
    """Return the component called `name`.

    Raises:
        KeyError: there is none.
    """
    if name not in COMPONENTS:
        raise KeyError(name)
    declared: Component[Any, Any] = importlib.import_module(f"components.{name}.contract").COMPONENT
    return declared


def components() -> Iterator[Component[Any, Any]]:
    """Yield every component, in the order of the DAG."""
    return (component(name) for name in COMPONENTS)
