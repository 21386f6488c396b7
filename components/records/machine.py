"""What runs on a machine took: `machines/<machine>.json` in the artifacts bucket."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import Field

from components.records.record import Document


class Point(NamedTuple):
    """A group of videos that a phase worked on: how many, and means over them.

    `cpu_s` is None where CPU seconds are not known; `mpx`, the megapixels of all frames, `frames`,
    the kept ones, and `bytes` are 0 where an earlier version did not note them.
    """

    videos: int
    video_s: float
    seconds: float
    cpu_s: float | None = None
    mpx: float = 0.0
    frames: float = 0.0
    bytes: float = 0.0


class PhaseWork(Document):
    """What a phase took in a run over the videos that were done: totals, and groups by length.

    `settings` is a hash of what decides the phase's results, empty where it was not known. The
    rest is as in `Point`, in all.
    """

    videos: int
    video_s: float
    seconds: float
    points: tuple[Point, ...] = ()
    settings: str = ""
    cpu_s: float | None = None
    mpx: float = 0.0
    frames: float = 0.0
    bytes: float = 0.0


class RunWork(Document):
    """What a run worked on, reused videos aside, and how long it took from start to end.

    `videos`, `frames`, `source_bytes`, `tar_bytes` and `video_s` are those that it decoded; `mpx`
    the megapixels of all their frames. `cpu_s` are the CPU seconds of all its processes, those that
    no phase took among them; None in pods.
    """

    run: str
    ended_at: str
    took_s: float
    videos: int
    frames: int
    source_bytes: int
    tar_bytes: int
    video_s: float
    phases: dict[str, PhaseWork]
    mpx: float = 0.0
    cpu_s: float | None = None


class MachineHistory(Document):
    """The last runs on a machine, oldest first."""

    machine: str
    runs: tuple[RunWork, ...] = ()


class Expected(Document):
    """What a run was expected to take, as the last runs on the machine went.

    By phase: how many videos it would work on, and for how many seconds in all, on the clock and
    of the CPU, as far as these are known. `took_s` is from the run's start to its end.
    """

    machine: str
    from_runs: int
    from_videos: int
    video_s: float
    videos: dict[str, int]
    seconds: dict[str, float]
    took_s: float
    cpu_s: dict[str, float] = Field(default_factory=dict)
