"""Videos by length, kept in bounded memory."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import NamedTuple

from components.costs.line import median
from components.records.machine import PhaseWork, Point

_MOST = 1024
_GROUPS = 8
# What a video of a group may count for, in medians of the group: one that hung says nothing of the
# next run.
_FREAK = 10.0


@dataclass(frozen=True)
class Size:
    """What videos amount to: seconds, megapixels of all frames, kept frames, bytes."""

    video_s: float = 0.0
    mpx: float = 0.0
    frames: float = 0.0
    bytes: float = 0.0

    def __add__(self, other: Size) -> Size:
        return Size(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    def times(self, count: float) -> Size:
        """Return the sum over so many such videos."""
        return Size(*(count * part for part in astuple(self)))


class _Worked(NamedTuple):
    """What a phase took for a video; ordered by the length."""

    video_s: float
    seconds: float
    cpu_s: float | None
    size: Size


class PhaseSample:
    """What a phase took for each video; of many videos every second, fourth … one is kept."""

    def __init__(self) -> None:
        self._stride, self._kept = 1, list[_Worked]()
        self._videos, self._size, self._seconds = 0, Size(), 0.0
        self._cpu_s: float | None = 0.0

    def add(self, size: Size, seconds: float, cpu_s: float | None = None) -> None:
        """Note that a video of this size took so long."""
        if self._videos % self._stride == 0:
            self._kept.append(_Worked(size.video_s, seconds, cpu_s, size))
            if len(self._kept) == _MOST:
                self._kept, self._stride = self._kept[::2], 2 * self._stride
        self._videos += 1
        self._size += size
        self._seconds += seconds
        # One that is unknown leaves the sum unknown.
        known = self._cpu_s is not None and cpu_s is not None
        self._cpu_s = (self._cpu_s or 0.0) + (cpu_s or 0.0) if known else None

    def work(self, settings: str) -> PhaseWork:
        """Return what is stored of it."""
        kept = sorted(self._kept, key=lambda one: one.video_s)
        count = min(_GROUPS, len(kept))
        ends = [len(kept) * number // count for number in range(count + 1)]
        groups = [kept[start:end] for start, end in pairwise(ends)]
        return PhaseWork(
            videos=self._videos,
            video_s=round(self._size.video_s, 3),
            seconds=round(self._seconds, 3),
            points=tuple(_point(group, self._stride) for group in groups),
            settings=settings,
            cpu_s=None if self._cpu_s is None else round(self._cpu_s, 3),
            mpx=round(self._size.mpx, 1),
            frames=self._size.frames,
            bytes=self._size.bytes,
        )


def _point(group: list[_Worked], stride: int) -> Point:
    size = sum((one.size for one in group), Size()).times(1 / len(group))
    cpu = [one.cpu_s for one in group if one.cpu_s is not None]
    return Point(
        videos=len(group) * stride,
        video_s=round(size.video_s, 3),
        seconds=_mean([one.seconds for one in group]),
        cpu_s=_mean(cpu) if len(cpu) == len(group) else None,
        mpx=round(size.mpx, 2),
        frames=round(size.frames, 2),
        bytes=round(size.bytes),
    )


def _mean(values: list[float]) -> float:
    """Return the mean in which no freak counts."""
    most = _FREAK * median((value, 1.0) for value in values)
    return round(sum(min(value, most) for value in values) / len(values), 5)
