"""What `oriane plan --json` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from components.records.bill import Bill
from components.records.machine import Expected
from components.records.plan import Sizing
from components.records.record import Record
from components.records.run_report import LeftOut


class DueVideo(Record):
    """A video that would be taken; `stale_from` is the first phase whose result is stale."""

    video: str
    why: str
    stale_from: str | None
    bytes: int


class Forecast(Record):
    """What a run is likely to take, by the videos that past runs decoded; `minutes` by phase."""

    from_videos: int
    gpu_minutes: float
    cpu_minutes: float
    minutes: dict[str, float]
    s3_requests: int
    s3_bytes_read: int
    s3_bytes_written: int


class PlanReport(Record):
    """What a run would take now, and why: counts by reason, then every video.

    `sizing` is how a cluster's run would cut it into shards. A run is `expected` to go as the last
    ones on this machine did, or where an Argo server is set those in its pods, and to cost `bill`.
    `left_out` are the files, of those given, that cannot be videos of the run.
    """

    origin: str
    videos: int
    why: dict[str, int]
    stale_from: dict[str, int]
    left: dict[str, int]
    skipped: int
    backlog_oldest_s: int | None
    source_bytes: int
    forecast: Forecast | None
    due: tuple[DueVideo, ...]
    left_out: tuple[LeftOut, ...] = ()
    sizing: Sizing | None = None
    expected: Expected | None = None
    bill: Bill | None = None


@dataclass(frozen=True)
class Planned:
    """A plan: its report, which holds no video itself, and the videos to take, in order.

    There may be very many, so that `due` may make each when it is asked for.
    """

    report: PlanReport
    due: Sequence[DueVideo]


class QueueReport(Record):
    """How many messages wait: to look at one would hide it from the run."""

    origin: Literal["queue"] = "queue"
    messages: int
