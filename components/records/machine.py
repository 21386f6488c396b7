"""What runs on a machine took: `machines/<machine>.json` in the artifacts bucket."""

from __future__ import annotations

from typing import NamedTuple

from components.records.record import Document


class Point(NamedTuple):
    """A group of videos that a phase worked on: how many, and means of lengths and of work."""

    videos: int
    video_s: float
    seconds: float


class PhaseWork(Document):
    """What a phase took in a run over the videos that were done: totals, and groups by length.

    `settings` is a hash of what decides the phase's results, empty where it was not known.
    """

    videos: int
    video_s: float
    seconds: float
    points: tuple[Point, ...] = ()
    settings: str = ""


class RunWork(Document):
    """What a run worked on, reused videos aside, and how long it took from start to end.

    `videos`, `frames`, `source_bytes`, `tar_bytes` and `video_s` are those that it decoded.
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


class MachineHistory(Document):
    """The last runs on a machine, oldest first."""

    machine: str
    runs: tuple[RunWork, ...] = ()


class Expected(Document):
    """What a run was expected to take, as the last runs on the machine went.

    By phase: how many videos it would work on, and for how many seconds in all. `took_s` is from
    the run's start to its end.
    """

    machine: str
    from_runs: int
    from_videos: int
    video_s: float
    videos: dict[str, int]
    seconds: dict[str, float]
    took_s: float
