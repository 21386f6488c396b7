"""Reconciles source bucket, frames bucket, ledger and Qdrant, and says what does not fit."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from components.services import Services
from workflows.operations.comparison import Comparison, Finding
from workflows.operations.findings import Wanted
from workflows.operations.inventory import inventory
from workflows.operations.repair import Repair, repair


@dataclass(frozen=True)
class Verification:
    """What was looked at, what was found, and what was done about it, if that was asked for.

    `foreign` counts, by place, what is not of this program's layout and never touched.
    """

    videos: int
    points: int
    leased: int
    foreign: dict[str, int]
    findings: list[Finding]
    repair: Repair | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report that `--json` prints; `docs/operations.md` describes it."""
        return {
            "videos": self.videos,
            "points": self.points,
            "leased": self.leased,
            "foreign": self.foreign,
            "findings": [finding.as_dict() for finding in self.findings],
            "repair": self.repair.as_dict() if self.repair else None,
        }


def verify(
    services: Services,
    platform: str = "",
    *,
    examples: int = 5,
    mend: bool = False,
    apply: bool = False,
    limit: int = 1000,
) -> Verification:
    """Compare all videos, of one platform if given; with `mend`, repair up to `limit` of them.

    Without `apply`, the repair only says what it takes.

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
        return Verification(
            videos=counts["videos"],
            points=counts["points"],
            leased=counts["leased"],
            foreign={**foreign, "points": counts["foreign_points"]},
            findings=comparison.findings(examples),
            repair=mended,
        )
