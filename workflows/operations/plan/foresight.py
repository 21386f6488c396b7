"""What a run is expected to take and cost, and how many shards a cluster's would have."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from components.costs import bill
from components.costs.expected import Rates
from components.costs.machine import PODS, history, this_machine
from components.plan.contract import AUTO, PlanInputs
from components.plan.cutting import chosen, pod_seconds
from components.records.bill import Bill
from components.records.machine import Expected
from components.records.plan import Sizing
from components.running.fingerprint import settings_marks
from components.running.services import Services
from components.settings import Settings


def foresee(
    due: Sequence[tuple[str | None, int]], services: Services, *, gpu: bool
) -> dict[str, Any]:
    """Return the fields of a plan's report that say so; None where nothing is due or known.

    Args:
        due: Of each video the first phase that has work to do, None for all; and its bytes.
        gpu: The run is one in a cluster, on GPUs.
    """
    if not due:
        return {}
    settings = services.settings
    bucket, marks = settings.storage.artifacts_bucket, settings_marks(settings)
    pods = Rates(history(services.store, bucket, PODS), marks)
    layout = "split-gpu" if gpu else "fused"
    sizing = _sizing(due, settings, pods, layout)
    if gpu or settings.cluster.server:
        expected = pods.expected(due)
        cost = expected and _bill(expected, pods, settings, layout, sizing.shards)
    else:
        here = Rates(history(services.store, bucket, this_machine().name), marks)
        expected = here.expected(due)
        cost = expected and _bill(expected, here, settings, "", 1)
    return {"sizing": sizing, "expected": expected, "bill": cost}


def _sizing(
    due: Sequence[tuple[str | None, int]], settings: Settings, rates: Rates, layout: str
) -> Sizing:
    work_s = array("d", (pod_seconds(first, size, settings, rates) for first, size in due))
    inputs = PlanInputs(videos_per_shard=AUTO, pods=layout)
    return chosen(work_s, sum(size for _, size in due), inputs, settings)


def _bill(expected: Expected, rates: Rates, settings: Settings, layout: str, shards: int) -> Bill:
    held = (
        bill.held_by_pods(expected.seconds, shards, layout, settings.work.pod_start_s)
        if layout
        else bill.held_here(expected.seconds, expected.took_s, this_machine())
    )
    stored = bill.Stored(
        bill.requests(expected.videos, rates.a_video("frames")),
        round(expected.videos.get("frame", 0) * rates.a_video("tar_bytes")),
    )
    return bill.billed(held, stored, expected.video_s, settings.prices)
