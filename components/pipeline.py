"""The pipeline, once: which phase takes what from which, and what follows from it.

Every engine runs or renders this object. The chain of fingerprints, the order in which manifests
are looked for, the components that have an image: all of it is derived here, so a new phase is a
folder and a line in `MEDIA` or `video_to_embedding`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from components.contract import Component
from components.dag import Item, Output, Pipeline, PipelineInput, Source, Step

# The phases between the listing and the frames that are kept, in order.
MEDIA = ("fetch", "crop", "frame", "dedup")
# All of them in one pod.
FUSED_MEDIA = "prepare"
# Sums up a run, whatever came of it.
ENDING = "digest"


def component(name: str) -> Component[Any, Any]:
    """Return the component called `name`.

    Raises:
        KeyError: there is none.
    """
    if name not in COMPONENTS:
        raise KeyError(name)
    return _declared(name)


def components() -> Iterator[Component[Any, Any]]:
    """Yield every component, in the order of the DAG."""
    return map(_declared, COMPONENTS)


@cache
def video_to_embedding(*, fused: bool = False) -> Pipeline:
    """Return the pipeline from a listing of videos to searchable frame embeddings.

    Args:
        fused: Let one step, prepare, do what the phases in `MEDIA` do. Results, fingerprints and
            manifests are the same, so either pipeline goes on where the other stopped.
    """
    planning = _declared("plan")
    inputs = {
        name: PipelineInput(name, declared.annotation)
        for name, declared in planning.inputs.model_fields.items()
    }
    plan = Step(planning, dict(inputs))
    to_frames = _in_turn((FUSED_MEDIA,) if fused else MEDIA, Item(plan.shards))
    kept = to_frames[-1].manifest
    published = Step(_declared("upload"), {"manifest": kept})
    embedded = Step(_declared("embed"), {"manifest": kept})
    indexed = Step(
        _declared("index"), {"published": published.manifest, "embedded": embedded.manifest}
    )
    recorded = Step(_declared("record"), {"manifest": indexed.manifest, "run": plan.run})
    return Pipeline(
        name="video-to-embedding-fused" if fused else "video-to-embedding",
        parameters=tuple(inputs.values()),
        once=(plan,),
        over=plan.shards,
        each=(*to_frames, published, embedded, indexed, recorded),
    )


def pod_layout(pipeline: Pipeline, gpu: bool) -> str:
    """Return how a shard's phases are spread over pods, as plan's input `pods` takes it."""
    fused = any(step.component.runs for step in pipeline.each)
    return f"{'fused' if fused else 'split'}{'-gpu' if gpu else ''}"


@cache
def upstream(phase: str) -> tuple[str, ...]:
    """Return the phases whose fingerprints that of `phase` continues; none for the first."""
    (step,) = (step for step in video_to_embedding().each if step.name == phase)
    sources = (step.arguments[name] for name in step.component.builds_on)
    return tuple(source.step for source in sources if isinstance(source, Output))


@cache
def dependents(phase: str) -> tuple[str, ...]:
    """Return the phase and those whose results build on its own, in order."""
    found = [phase]
    for step in video_to_embedding().each:
        if {*upstream(step.name)} & {*found}:
            found.append(step.name)
    return tuple(found)


def chooses_frames() -> str:
    """Return the phase that has the last word on which frames of a video are kept."""
    (chosen,) = upstream("embed")
    return chosen


def _declared(name: str) -> Component[Any, Any]:
    declared: Component[Any, Any] = importlib.import_module(f"components.{name}.contract").COMPONENT
    return declared


def _in_turn(names: Sequence[str], source: Source) -> list[Step]:
    """Return a step a component, each of which takes the manifest of the one before."""
    steps: list[Step] = []
    for name in names:
        steps.append(Step(_declared(name), {"manifest": source}))
        source = steps[-1].manifest
    return steps


# What a run goes through, in order: plan, then the phases of a video.
PHASES = tuple(step.name for step in video_to_embedding().steps())
VIDEO_PHASES = tuple(step.name for step in video_to_embedding().each)
_after_media = PHASES.index(MEDIA[-1]) + 1
# What has an image: the phases, what does several of them, and what sums up a run.
COMPONENTS = (*PHASES[:_after_media], FUSED_MEDIA, *PHASES[_after_media:], ENDING)
