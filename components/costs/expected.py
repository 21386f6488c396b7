"""What a run will take, as the last ones on the machine went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from components.costs.line import Line, Weighted, fitted, median, off_by, steady_mean
from components.costs.sample import Size
from components.pipeline import VIDEO_PHASES, dependents
from components.records.machine import Expected, MachineHistory, PhaseWork, Point, RunWork

# Groups of videos that a line goes through, the latest ones.
_POINTS = 64
# What a phase's work may grow with.
_DRIVERS = ("video_s", "mpx", "frames")


@dataclass(frozen=True)
class Load:
    """Videos that a phase is to work on: how many, and what they amount to in all."""

    videos: float
    size: Size


@dataclass(frozen=True)
class _Rate:
    """What a phase takes a video, and for each unit of what its work grows with."""

    line: Line
    driver: str

    def over(self, load: Load) -> float:
        """Return what it takes in all."""
        return self.line.over(load.videos, getattr(load.size, self.driver))


class Rates:
    """What phases take for videos, and what videos of so many bytes amount to."""

    def __init__(self, known: MachineHistory, settings: Mapping[str, str] = {}) -> None:
        """
        Args:
            settings: By phase, the hash of what decides its results now: runs with other settings
                count only where there is none with these.
        """
        self._known, self._runs, self._settings = known, known.runs, settings

    @property
    def known(self) -> bool:
        """Whether there is any run to go by."""
        return bool(self._seconds)

    def seconds(self, phase: str, load: Load) -> float:
        """Return the seconds that a phase takes for these videos; 0 for one never seen."""
        rate = self._seconds.get(phase)
        return rate.over(load) if rate else 0.0

    def size_of(self, bytes_: float, videos: int = 1) -> Size:
        """Return what videos of so many bytes in all amount to; 0 bytes mean average ones."""
        if not bytes_:
            bytes_ = videos * self.a_video("source_bytes")
        amounts = {name: line.over(videos, bytes_) for name, line in self._contents.items()}
        return Size(bytes=bytes_, **amounts)

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
        phases = [phase for phase in VIDEO_PHASES if phase in loads]
        seconds = {phase: self.seconds(phase, loads[phase]) for phase in phases}
        cpu_s = {p: rate.over(loads[p]) for p in phases if (rate := self._cpu.get(p))}
        effort = sum({**seconds, **cpu_s}.values())
        return Expected(
            machine=self._known.machine,
            from_runs=len(self._runs),
            from_videos=sum(run.videos for run in self._runs),
            video_s=round(max((load.size.video_s for load in loads.values()), default=0.0), 1),
            videos={phase: round(loads[phase].videos) for phase in phases},
            seconds={phase: round(seconds[phase], 2) for phase in phases},
            took_s=round(self._took_s(effort), 2),
            cpu_s={phase: round(spent, 2) for phase, spent in cpu_s.items()},
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
            in_all = Size()
            for bytes_, videos in ((sizes[first], count - unknown[first]), (0, unknown[first])):
                if videos:
                    in_all += self.size_of(bytes_, videos)
            for phase in redone(first):
                before = loads.get(phase, Load(0, Size()))
                loads[phase] = Load(before.videos + count, before.size + in_all)
        return loads

    @cached_property
    def _seconds(self) -> dict[str, _Rate]:
        """What phases take on the clock."""
        found = {phase: _rate(self._of_phase(phase), "seconds") for phase in VIDEO_PHASES}
        return {phase: rate for phase, rate in found.items() if rate}

    @cached_property
    def _cpu(self) -> dict[str, _Rate]:
        """What phases take of the CPU."""
        found = {}
        for phase in VIDEO_PHASES:
            works = [work for work in self._of_phase(phase) if work.cpu_s is not None]
            if rate := _rate(works, "cpu_s"):
                found[phase] = rate
        return found

    @cached_property
    def _contents(self) -> dict[str, Line]:
        """What videos amount to, by their bytes: all that a listing knows of them."""
        works = [max(run.phases.values(), key=lambda one: one.videos) for run in self._runs]
        lines = {name: _line(works, "bytes", name) for name in _DRIVERS}
        found = {name: line for name, line in lines.items() if line}
        if "video_s" not in found:
            # Earlier versions noted the bytes of whole runs only.
            decoded = [run for run in self._runs if run.source_bytes and run.video_s]
            rates = [(run.video_s / run.source_bytes, run.videos) for run in decoded]
            found["video_s"] = Line(0.0, median(rates) if rates else 0.0)
        return found

    def _took_s(self, effort: float) -> float:
        """Return what a run takes from start to end, with so much work in its phases.

        As much longer than that as runs took; they also worked for no phase: to start, to load the
        model, to serve S3. That goes with CPU seconds that runs on one machine have noted.
        """
        noted = [(run, run.cpu_s) for run in self._runs if run.cpu_s is not None]
        if not noted:
            return self._whole.over(1.0, effort)
        beside = median((max(0.0, cpu_s - _cpu_of_phases(run)), 1.0) for run, cpu_s in noted)
        rates = [(run.took_s / whole, 1.0) for run, _ in noted if (whole := _effort(run) + beside)]
        return (effort + beside) * median(rates) if rates else 0.0

    @cached_property
    def _whole(self) -> Line:
        """What runs take from start to end, by the work in their phases."""
        # By seconds on the clock only where no run has noted those of the CPU.
        noted = [run for run in self._runs if any(w.cpu_s is not None for w in run.phases.values())]
        return fitted([Weighted(_effort(run), run.took_s, 1.0) for run in noted or self._runs])

    def _of_phase(self, phase: str) -> list[PhaseWork]:
        works = [run.phases[phase] for run in self._runs if phase in run.phases]
        settings = self._settings.get(phase, "")
        alike = [work for work in works if settings and work.settings == settings]
        return alike or works


def redone(stale_from: str | None) -> set[str]:
    """Return the phases with work to do; the last books every other's fingerprint."""
    return {*dependents(stale_from), VIDEO_PHASES[-1]} if stale_from else {*VIDEO_PHASES}


def error(expected: Expected, run: RunWork) -> float | None:
    """Return by which part of what it took a run was expected to take longer, or shorter (< 0).

    None where the run did not come to what was planned: videos were reused or stopped.
    """
    if not _as_planned(expected, run) or not run.took_s:
        return None
    return expected.took_s / run.took_s - 1


def cpu_error(expected: Expected, run: RunWork) -> float | None:
    """Return the same of the CPU seconds in phases where they were expected and are known."""
    pairs = [
        (foreseen, spent)
        for phase, foreseen in expected.cpu_s.items()
        if phase in run.phases and (spent := run.phases[phase].cpu_s) is not None
    ]
    spent = sum(spent for _, spent in pairs)
    if not _as_planned(expected, run) or not spent:
        return None
    return sum(foreseen for foreseen, _ in pairs) / spent - 1


def _as_planned(expected: Expected, run: RunWork) -> bool:
    worked = {phase: work.videos for phase, work in run.phases.items()}
    return all(
        0.9 * videos <= worked.get(phase, 0) <= videos for phase, videos in expected.videos.items()
    )


def _effort(run: RunWork) -> float:
    """Return the seconds of work in a run: of the CPU, and on the clock where another works."""
    return sum(work.seconds if work.cpu_s is None else work.cpu_s for work in run.phases.values())


def _cpu_of_phases(run: RunWork) -> float:
    return sum(work.cpu_s or 0.0 for work in run.phases.values())


def _rate(works: Sequence[PhaseWork], of: str) -> _Rate | None:
    """Return what a phase takes by whatever explains it best."""
    lines = [(driver, _line(works, driver, of)) for driver in _DRIVERS]
    rates = [_Rate(line, driver) for driver, line in lines if line]
    return min(
        rates,
        key=lambda rate: off_by(rate.line, _points(works, rate.driver, of)),
        default=None,
    )


def _line(works: Sequence[PhaseWork], x: str, y: str) -> Line | None:
    """Return how y grows with x over videos: its shape from their groups, its height from runs.

    The groups leave out freaks, and what a run takes has a long tail; what runs took in all, of
    what the shape says, puts that right. None where x or y is not known.
    """
    points = _points(works, x, y)
    if not points or not all(point.x > 0 for point in points):
        return None
    shape = fitted(points)
    ratios = [
        (getattr(work, y) / said, float(work.videos))
        for work in works
        if (said := shape.over(work.videos, getattr(work, x))) > 0
    ]
    height = steady_mean(ratios) if ratios else 1.0
    return Line(shape.start * height, shape.slope * height)


def _points(works: Sequence[PhaseWork], x: str, y: str) -> list[Weighted]:
    points: list[Point] = [point for work in works for point in work.points][-_POINTS:]
    return [
        Weighted(getattr(point, x), getattr(point, y), point.videos)
        for point in points
        if getattr(point, y) is not None
    ]
