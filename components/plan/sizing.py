"""How many shards a run is cut into, by what pods cost (`videos_per_shard=auto`).

The fewest that end in time and of which none holds more work than a lost pod may repeat: each shard
less saves the start of a whole chain of pods.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.records.plan import Sizing

# Its manifests stay a few MB each, and a digest reads them whole.
MOST_VIDEOS = 1000


@dataclass(frozen=True)
class Bounds:
    """What a shard may take: seconds of pods, but for counts.

    `pods` is how many a shard goes through, `start_s` what each takes to start, `overhead` which
    part of the work these starts may be; `shard_s` the most work in a shard, `run_s` when the run
    is to end; `in_flight` how many shards run at once.
    """

    pods: int
    start_s: float
    overhead: float
    shard_s: float
    run_s: float
    in_flight: int

    @property
    def chain_s(self) -> float:
        """Seconds that the pods of a shard take to start."""
        return self.pods * self.start_s

    def ends_after(self, shards: int, work_s: float, heaviest_s: float) -> float:
        """Return the seconds that equal shards take, wave after wave."""
        waves = math.ceil(shards / self.in_flight)
        return waves * (self.chain_s + max(work_s / shards, heaviest_s if waves == 1 else 0.0))


def sized(work_s: Sequence[float], bounds: Bounds, least: int = 1) -> Sizing:
    """Return how many shards the videos make, and why.

    Args:
        work_s: Seconds of pods that each video keeps busy; at least one video.
        least: No fewer shards than these, for a reason of the caller's.
    """
    total, heaviest, videos = sum(work_s), max(work_s), len(work_s)
    by_reason = {
        "one": 1,
        "size": least,
        "videos": math.ceil(videos / MOST_VIDEOS),
        "repeats": math.ceil(total / bounds.shard_s),
    }
    floor = min(videos, max(by_reason.values()))
    bound = next(reason for reason, shards in by_reason.items() if shards >= floor)

    def ends(shards: int) -> float:
        return bounds.ends_after(shards, total, heaviest)

    # Beyond the next full wave more shards end no earlier.
    candidates = range(floor, min(videos, floor + bounds.in_flight) + 1)
    in_time = next((shards for shards in candidates if ends(shards) <= bounds.run_s), None)
    shards = in_time or min(candidates, key=ends)
    if shards > floor:
        bound = "time"
    return Sizing(
        shards=shards,
        pods=shards * bounds.pods,
        work_s=round(total, 1),
        overhead=round(shards * bounds.chain_s / total, 4) if total else 0.0,
        ends_after_s=round(ends(shards)),
        bound=bound,
        why=_why(bound, bounds, shards, total, ends(shards)),
    )


def _why(bound: str, bounds: Bounds, shards: int, total: float, ends_s: float) -> str:
    """Say what kept the number from being smaller, and what it costs."""
    reasons = {
        "one": "one holds them all",
        "size": "mb_per_shard asks for as many",
        "videos": f"each holds at most {MOST_VIDEOS} videos",
        "repeats": f"each holds at most {bounds.shard_s / 60:g} min of work (VP_SHARD_MINUTES), "
        "which a lost pod may repeat",
        "time": f"fewer would take longer than {bounds.run_s / 3600:g} h (VP_RUN_HOURS)",
    }
    overhead = shards * bounds.chain_s / total if total else 0.0
    parts = [
        reasons[bound],
        f"the start of {shards * bounds.pods} pods adds {overhead:.0%}",
    ]
    if overhead > bounds.overhead:
        remedies = {
            "one": "the work is too little for less",
            "size": "raise mb_per_shard",
            "videos": "the videos are too short for less",
            "repeats": "raise VP_SHARD_MINUTES",
            "time": "raise VP_RUN_HOURS, or set limit",
        }
        parts.append(f"more than {bounds.overhead:.0%} (VP_POD_OVERHEAD): {remedies[bound]}")
    if ends_s > bounds.run_s:
        parts.append(
            f"it would end after {ends_s / 3600:.1f} h, later than {bounds.run_s / 3600:g} h "
            "(VP_RUN_HOURS): raise shards_in_flight, or set limit"
        )
    return "; ".join(parts)
