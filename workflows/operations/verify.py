"""Reconciles source bucket, frames bucket, ledger and Qdrant, and says what does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from components.services import Services
from workflows.operations.comparison import Comparison, Finding
from workflows.operations.findings import Wanted
from workflows.operations.inventory import inventory


@dataclass(frozen=True)
class Verification:
    """What was looked at and what was found.

    `foreign` counts, by place, what is not of this program's layout and never touched.
    """

    videos: int
    points: int
    leased: int
    foreign: dict[str, int]
    findings: list[Finding]
    comparison: Comparison

    def as_dict(self) -> dict[str, Any]:
        """Return the report that `--json` prints; `docs/operations.md` describes it."""
        return {
            "videos": self.videos,
            "points": self.points,
            "leased": self.leased,
            "foreign": self.foreign,
            "findings": [
                {
                    "kind": finding.kind,
                    "videos": finding.videos,
                    "objects": finding.objects,
                    "repairable": finding.repairable,
                    "examples": [
                        {"video": video, "detail": detail} for video, detail in finding.examples
                    ],
                }
                for finding in self.findings
            ],
        }


@contextmanager
def verified(
    services: Services, wanted: Wanted, platform: str = "", examples: int = 5
) -> Iterator[Verification]:
    """Compare all videos, of one platform if given; changes nothing.

    Raises:
        PipelineError: a store does not answer, refuses, or is not this program's.
    """
    foreign: Counter[str] = Counter(dict.fromkeys(("videos", "frames", "artifacts"), 0))
    with (
        services.scratch.folder() as folder,
        closing(Comparison(folder / "comparison.sqlite", wanted)) as comparison,
    ):
        for traces in inventory(services, platform, foreign):
            comparison.add(traces)
        comparison.add_points(services.collection.points(platform))
        counts = comparison.counts
        yield Verification(
            videos=counts["videos"],
            points=counts["points"],
            leased=counts["leased"],
            foreign={**foreign, "points": counts["foreign_points"]},
            findings=comparison.findings(examples),
            comparison=comparison,
        )
