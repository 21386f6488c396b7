"""Reconciles source bucket, frames bucket, ledger and Qdrant, and says what does not fit."""

from __future__ import annotations

from collections import Counter
from contextlib import closing

from components.running.services import Services
from workflows.operations.inventory import inventory
from workflows.operations.verify.comparison import Comparison
from workflows.operations.verify.defects import Wanted
from workflows.operations.verify.repair import remove_foreign_points, repair
from workflows.operations.verify.report import Verification


def verify(
    services: Services,
    platform: str = "",
    *,
    examples: int = 5,
    mend: bool = False,
    apply: bool = False,
    limit: int = 1000,
    foreign_points: bool = False,
) -> Verification:
    """Compare all videos, of one platform if given; with `mend`, repair up to `limit` of them.

    Without `apply`, the repair only says what it takes. With `foreign_points` it removes the points
    of the collection that are not frames, whatever their platform.

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
        comparison.add_points(services.collection.points(platform))
        counts, mended = comparison.counts, None
        if mend:
            mended = repair(comparison.repairable(), services, wanted, limit, apply=apply)
            if foreign_points:
                removed = remove_foreign_points(services.collection, apply=apply)
                mended = mended.model_copy(update={"foreign_points": removed})
        return Verification(
            videos=counts["videos"],
            points=counts["points"],
            leased=counts["leased"],
            foreign={**foreign, "points": counts["foreign_points"]},
            findings=tuple(comparison.findings(examples)),
            repair=mended,
        )
