"""What a run will take, as the last ones on the machine went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from components.costs.line import Line, Weighted, fitted, median
from components.pipeline import VIDEO_PHASES, dependents
from components.records.machine import Expected, MachineHistory, PhaseWork, RunWork


@dataclass(frozen=True)
class Load:
    """Videos that a phase is to work on: how many, and their length in seconds in all."""

    videos: int
    video_s: float


class Rates:
    """What phases take for a video, and for each second of it."""

    def __init__(self, known: MachineHistory, settings: Mapping[str, str] = {}) -> None:
        """
        Args:
            settings: By phase, the hash of what decides its results now: runs with other settings
                count only where there is none with these.
        """
        self._known, self._runs = known, known.runs
        self._lines = {
            phase: line
            for phase in VIDEO_PHASES
            if (line := _line(_of_phase(known.runs, phase, settings.get(phase, ""))))
        }

    @property
    def known(self) -> bool:
        """Whether there is any run to go by."""
        return bool(self._lines)

    def seconds(self, phase: str, load: Load) -> float:
        """Return the seconds that a phase takes for these videos; 0 for one never seen."""
        line = self._lines.get(phase)
        return line.over(load.videos, load.video_s) if line else 0.0

    def length(self, size: int) -> float:
        """Return how many seconds a video of so many bytes plays; 0 bytes mean an average one."""
        decoded = [run for run in self._runs if run.videos and run.source_bytes and run.video_s]
        if not decoded:
            return 0.0
        if not size:
            return median((run.video_s / run.videos, run.videos) for run in decoded)
        return size * median((run.video_s / run.source_bytes, run.videos) for run in decoded)

    def a_video(self, of: str) -> float:
        """Return the mean of a number that runs sum up over the videos that they decoded."""
        videos = sum(run.videos for run in self._runs)
        total: float = sum(getattr(run, of) for run in self._runs)
        return total / videos if videos else 0.0

    def expected(self, due: Iterable[tuple[str | None, int]]) -> Expected | None:
        """Return what a run over these videos will take; None where no run is known.

        Args:
            due: Of each video the first phase that has work to do, None for all; and its bytes.
        """
        if not self.known:
            return None
        loads = self._loads(due)
        videos = Counter({phase: load.videos for phase, load in loads.items()})
        seconds = {phase: self.seconds(phase, load) for phase, load in loads.items()}
        line = fitted([Weighted(_work_s(run), run.took_s, 1.0) for run in self._runs])
        return Expected(
            machine=self._known.machine,
            from_runs=len(self._runs),
            from_videos=sum(run.videos for run in self._runs),
            video_s=round(max((load.video_s for load in loads.values()), default=0.0), 1),
            videos={phase: videos[phase] for phase in VIDEO_PHASES if videos[phase]},
            seconds={phase: round(seconds[phase], 2) for phase in VIDEO_PHASES if videos[phase]},
            took_s=round(line.over(1.0, sum(seconds.values())), 2),
        )

    def _loads(self, due: Iterable[tuple[str | None, int]]) -> dict[str, Load]:
        counts: Counter[str | None] = Counter()
        sizes: Counter[str | None] = Counter()
        unknown: Counter[str | None] = Counter()
        for first, size in due:
            counts[first] += 1
            sizes[first] += size
            unknown[first] += not size
        loads: dict[str, Load] = {}
        for first, count in counts.items():
            length = self.length(sizes[first]) if sizes[first] else 0.0
            length += unknown[first] * self.length(0)
            for phase in redone(first):
                before = loads.get(phase, Load(0, 0.0))
                loads[phase] = Load(before.videos + count, before.video_s + length)
        return loads


def redone(stale_from: str | None) -> set[str]:
    """Return the phases with work to do; the last books every other's fingerprint."""
    return {*dependents(stale_from), VIDEO_PHASES[-1]} if stale_from else {*VIDEO_PHASES}


def error(expected: Expected, run: RunWork) -> float | None:
    """Return by which part of what it took a run was expected to take longer, or shorter (< 0).

    None where the run did not come to what was planned: videos were reused or stopped.
    """
    for phase, videos in expected.videos.items():
        worked = run.phases[phase].videos if phase in run.phases else 0
        if not 0.9 * videos <= worked <= videos:
            return None
    return expected.took_s / run.took_s - 1 if run.took_s else None


def _work_s(run: RunWork) -> float:
    return sum(work.seconds for work in run.phases.values())


def _of_phase(runs: Sequence[RunWork], phase: str, settings: str) -> list[PhaseWork]:
    works = [run.phases[phase] for run in runs if phase in run.phases]
    alike = [work for work in works if settings and work.settings == settings]
    return alike or works


def _line(works: Sequence[PhaseWork]) -> Line | None:
    """Return a phase's line: its shape from the videos' groups, its height from whole runs.

    The groups leave out freaks, and what a run takes has a long tail; what most runs took in all,
    of what the shape says, puts that right.
    """
    points = [
        Weighted(point.video_s, point.seconds, point.videos)
        for work in works
        for point in work.points
    ]
    if not points:
        return None
    shape = fitted(points)
    ratios = [
        (work.seconds / said, work.videos)
        for work in works
        if (said := shape.over(work.videos, work.video_s)) > 0
    ]
    height = median(ratios) if ratios else 1.0
    return Line(shape.start * height, shape.slope * height)
