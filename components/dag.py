"""What a pipeline is made of: steps, and where their inputs come from, checked by type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

from components.contract import Component


class WiringError(TypeError):
    """An argument is missing, unknown, or of another type than the input it is given to."""


@dataclass(frozen=True)
class PipelineInput:
    """An input of the whole pipeline, which a run is started with."""

    name: str
    type: Any


@dataclass(frozen=True)
class Output:
    """An output of a step."""

    step: str
    name: str
    type: Any


@dataclass(frozen=True)
class Item:
    """One element of a list output: what a fan-out gives to each of its branches."""

    of: Output

    @property
    def type(self) -> Any:
        return get_args(self.of.type)[0]


Source = PipelineInput | Output | Item


@dataclass(frozen=True)
class Step:
    """A component in the DAG and where its inputs come from; attributes are its outputs."""

    component: Component[Any, Any]
    arguments: dict[str, Source]

    def __post_init__(self) -> None:
        inputs = self.component.inputs.model_fields
        for name in self.arguments.keys() - inputs.keys():
            raise WiringError(f"{self.name}: has no input {name!r}, only {sorted(inputs)}")
        for name, wanted in inputs.items():
            source = self.arguments.get(name)
            if source is None and wanted.is_required():
                raise WiringError(f"{self.name}: input {name!r} is not given")
            if source is not None and source.type != wanted.annotation:
                raise WiringError(
                    f"{self.name}: input {name!r} takes {_shown(wanted.annotation)}, but "
                    f"{_origin(source)} is {_shown(source.type)}"
                )

    @property
    def name(self) -> str:
        return self.component.name

    @property
    def depends_on(self) -> set[str]:
        """Names of the steps whose outputs this one takes."""
        sources = [
            source.of if isinstance(source, Item) else source for source in self.arguments.values()
        ]
        return {source.step for source in sources if isinstance(source, Output)}

    def __getattr__(self, name: str) -> Output:
        outputs = self.component.outputs.model_fields
        if name.startswith("_") or name not in outputs:
            raise AttributeError(f"{self.component.name} has no output {name!r}")
        return Output(self.name, name, outputs[name].annotation)


@dataclass(frozen=True)
class Pipeline:
    """Steps that run once, then a fan-out whose steps run for every element of `over`."""

    name: str
    parameters: tuple[PipelineInput, ...]
    once: tuple[Step, ...]
    over: Output
    each: tuple[Step, ...] = field(default=())

    def steps(self) -> Iterator[Step]:
        """Yield all steps, each after those it depends on."""
        yield from self.once
        yield from self.each


def _shown(annotation: Any) -> str:
    return getattr(annotation, "__name__", str(annotation))


def _origin(source: Source) -> str:
    if isinstance(source, PipelineInput):
        return f"parameter {source.name!r}"
    output = source.of if isinstance(source, Item) else source
    return f"{output.step}.{output.name}"
