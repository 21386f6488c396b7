"""Reconciles source bucket, frames bucket, ledger and Qdrant, and says what does not fit."""

from __future__ import annotations

from collections import Counter
from contextlib import closing

from components.running.services import Services
from workflows.operations.inventory import inspected, inventory
from workflows.operations.verify.comparison import Comparison
from workflows.operations.verify.deep import Sample, damage
from workflows.operations.verify.defects import Standing, Wanted, standing
from workflows.operations.verify.repair import remove_foreign_points, repair
from workflows.operations.verify.report import ReadBack, Verification


def verify(
    services: Services,
    platform: str = "",
    *,
    examples: int = 5,
    mend: bool = False,
    apply: bool = False,
    limit: int = 1000,
    foreign_points: bool = False,
    deep: Sample | None = None,
) -> Verification:
    """Compare all videos, of one platform if given; with `mend`, repair up to `limit` of them.

    Without `apply`, the repair only says what it takes. With `foreign_points` it removes the points
    of the collection that are not frames, whatever their platform.

    Args:
        deep: Takes those whose frames and vectors are read back as well.

    Raises:
        PipelineError: a store does not answer, refuses, or is not this program's.
    """
    wanted = Wanted.of(services)
    foreign: Counter[str] = Counter(dict.fromkeys(("videos", "frames", "artifacts"), 0))
    with (
        services.scratch.folder() as folder,
        closing(Comparison(folder / "comparison.sqlite", wanted)) as comparison,
    ):
        for traces in inventory(services, platform, foreign):
            comparison.add(traces)
            if deep and traces.done and standing(traces) is Standing.MARKED:
                deep.offer(traces.folder.removesuffix("/"))
        comparison.add_points(services.collection.points(platform))
        read = _read_back(deep, services, comparison) if deep else None
        counts, mended = comparison.counts, None
        if mend:
            folders = comparison.repairable()
            mended = repair(folders, services, wanted, limit, apply=apply, deep=deep is not None)
            if foreign_points:
                removed = remove_foreign_points(services.collection, apply=apply)
                mended = mended.model_copy(update={"foreign_points": removed})
        return Verification(
            videos=counts["videos"],
            points=counts["points"],
            leased=counts["leased"],
            foreign={**foreign, "points": counts["foreign_points"]},
            findings=tuple(comparison.findings(examples)),
            read_back=read,
            repair=mended,
        )


def _read_back(sample: Sample, services: Services, comparison: Comparison) -> ReadBack:
    frames = points = 0
    for name in sample.names:
        traces = inspected(services, *name.split("/"))
        if traces.done and standing(traces) is Standing.MARKED:
            found = damage(services, traces.done)
            comparison.add_damage(traces, found)
            frames, points = frames + found.read_frames, points + found.read_points
    return ReadBack(
        videos=len(sample.names), frames=frames, points=points, next_after=sample.next_after
    )
