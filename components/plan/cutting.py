"""Cutting what is due into shards."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any

from components.contract import Component
from components.costs.expected import Load, Rates, redone
from components.pipeline import component, video_to_embedding
from components.plan.contract import AUTO, PlanInputs
from components.plan.packing import Shards, balanced, packed
from components.plan.rows import Rows
from components.plan.sizing import MOST_VIDEOS, Bounds, sized
from components.records.plan import Sizing
from components.settings import Settings


def cut(
    due: Rows, inputs: PlanInputs, settings: Settings, rates: Rates
) -> tuple[Shards, Sizing | None]:
    """Return the rows of each shard, and how their number was chosen if the inputs leave it."""
    if inputs.videos_per_shard != AUTO or not due:
        target = inputs.mb_per_shard * 10**6
        return packed(due.sizes, inputs.videos_per_shard or MOST_VIDEOS, target), None
    work_s = array("d", (pod_seconds(first, size, settings, rates) for first, size in due.work()))
    sizing = chosen(work_s, sum(due.sizes), inputs, settings)
    return balanced(work_s, sizing.shards, MOST_VIDEOS), sizing


def chosen(work_s: Sequence[float], size: int, inputs: PlanInputs, settings: Settings) -> Sizing:
    """Return how many shards videos of so many bytes in all and so much work each make."""
    bounds = Bounds(
        pods=len(video_to_embedding(fused="fused" in inputs.pods).each),
        start_s=settings.work.pod_start_s,
        overhead=settings.plan.pod_overhead,
        shard_s=settings.plan.shard_minutes * 60,
        run_s=settings.plan.run_h * 3600,
        in_flight=inputs.shards_in_flight,
    )
    least = math.ceil(size / (inputs.mb_per_shard * 10**6)) if inputs.mb_per_shard else 1
    return sized(work_s, bounds, max(1, least))


def pod_seconds(stale_from: str | None, size: int, settings: Settings, rates: Rates) -> float:
    """Return how long pods work on a video of so many bytes: as in past runs, else as is set."""
    if not rates.known:
        plan = settings.plan
        return plan.work_s_a_video + plan.work_s_a_mb * size / 1e6
    load = Load(1, rates.size_of(size))
    return sum(
        rates.seconds(phase, load) / side_by_side(component(phase)) for phase in redone(stale_from)
    )


def side_by_side(declared: Component[Any, Any]) -> int:
    """Return how many videos a pod of the component works on at once."""
    return max(1, int(declared.resources.cpu))
