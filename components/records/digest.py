"""The digest of a run: what `runs/<run>/digest.json` in the artifacts bucket holds."""

from __future__ import annotations

from pydantic import Field

from components.records.bill import Bill
from components.records.limit import Limit
from components.records.machine import Expected, RunWork
from components.records.record import Document
from components.records.watch import WatchNotice


class StoppedVideo(Document):
    """A video that stopped, and why."""

    video: str
    message: str


class StoppedGroup(Document):
    """The videos that stopped in one phase for one reason, with a few examples."""

    kind: str
    phase: str
    reason: str
    count: int
    examples: tuple[StoppedVideo, ...]


class PhaseSeconds(Document):
    """The seconds of work in a phase: over all videos that it worked on, and of the slowest.

    `gpu_busy` is the part of the time, 0 to 1, in which the phase had a GPU compute; None where it
    used none.
    """

    videos: int
    total: float
    most: float
    gpu_busy: float | None = None


class Worked(Document):
    """What the videos amount to that were decoded in this run, for forecasts of the next ones."""

    videos: int = 0
    frames: int = 0
    source_bytes: int = 0
    tar_bytes: int = 0


class SlowVideo(Document):
    """One of the videos that took longest, with its seconds by phase."""

    video: str
    seconds: float
    phases: dict[str, float]


class Digest(Document):
    """What a run came to.

    `reused` are the done ones on which nothing was left to do; `decoded_all` counts those of which
    every frame was decoded although the settings have some left out, by why. `leased` videos are
    not among `videos`: they were left to the runs `leased_by`, which work on them. `work` is what
    it took on `machine`, `forecast_error` by which part of that it was `expected` to take longer
    (shorter: below 0), None where it did not come to what was planned; `cpu_error` the same of CPU
    seconds, which do not grow with what else the machine does. `bill` is what it cost by the prices
    of that day, `limit` how near it came to what the machine could. `watches` are the standing
    questions that new frames fit, with their best moments.
    """

    run: str
    written_at: str
    shards: int
    videos: int
    done: int
    rejected: int
    failed: int
    reused: int
    reasons: tuple[StoppedGroup, ...]
    seconds: dict[str, PhaseSeconds]
    worked: Worked = Worked()
    slowest: tuple[SlowVideo, ...] = ()
    decoded_all: dict[str, int] = Field(default_factory=dict)
    leased: int = 0
    leased_by: tuple[str, ...] = ()
    machine: str = ""
    work: RunWork | None = None
    expected: Expected | None = None
    forecast_error: float | None = None
    cpu_error: float | None = None
    bill: Bill | None = None
    limit: Limit | None = None
    watches: tuple[WatchNotice, ...] = ()
