"""Videos by length, kept in bounded memory."""

from __future__ import annotations

from itertools import pairwise

from components.costs.line import median
from components.records.machine import PhaseWork, Point

_MOST = 1024
_GROUPS = 8
# What a video of a group may count for, in medians of the group: one that hung says nothing of the
# next run.
_FREAK = 10.0


class PhaseSample:
    """What a phase took for each video; of many videos every second, fourth … one is kept."""

    def __init__(self) -> None:
        self._stride, self._kept = 1, list[tuple[float, float]]()
        self._videos, self._video_s, self._seconds = 0, 0.0, 0.0

    def add(self, video_s: float, seconds: float) -> None:
        """Note that a video of this length took so long."""
        if self._videos % self._stride == 0:
            self._kept.append((video_s, seconds))
            if len(self._kept) == _MOST:
                self._kept, self._stride = self._kept[::2], 2 * self._stride
        self._videos += 1
        self._video_s += video_s
        self._seconds += seconds

    def work(self, settings: str) -> PhaseWork:
        """Return what is stored of it."""
        kept = sorted(self._kept)
        count = min(_GROUPS, len(kept))
        ends = [len(kept) * number // count for number in range(count + 1)]
        groups = [kept[start:end] for start, end in pairwise(ends)]
        return PhaseWork(
            videos=self._videos,
            video_s=round(self._video_s, 3),
            seconds=round(self._seconds, 3),
            points=tuple(_point(group, self._stride) for group in groups),
            settings=settings,
        )


def _point(group: list[tuple[float, float]], stride: int) -> Point:
    most = _FREAK * median((seconds, 1.0) for _, seconds in group)
    return Point(
        videos=len(group) * stride,
        video_s=round(sum(length for length, _ in group) / len(group), 3),
        seconds=round(sum(min(seconds, most) for _, seconds in group) / len(group), 5),
    )
