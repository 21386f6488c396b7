"""Where things lie on a video's time line, in percent of its width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# A moment of one frame in an hour would not be seen, let alone be hit.
_LEAST_WIDTH = 0.6


@dataclass(frozen=True)
class Placed(Generic[T]):
    """Something on the line, in percent of the line."""

    of: T
    left: float
    width: float


@dataclass(frozen=True)
class TimeLine:
    """A video of `duration` seconds."""

    duration: float

    def at(self, second: float) -> float:
        """Return where a second is."""
        if self.duration <= 0:
            return 0.0
        return round(100 * min(1.0, max(0.0, second / self.duration)), 3)

    def spans(self, things: Iterable[tuple[T, float, float]]) -> list[Placed[T]]:
        """Place things that go from a second to a second."""
        placed = []
        for thing, start, end in things:
            left, right = self.at(start), self.at(end)
            width = max(_LEAST_WIDTH, right - left)
            placed.append(Placed(thing, round(min(left, 100 - width), 3), round(width, 3)))
        return placed

    def ticks(self) -> list[tuple[float, float]]:
        """Return seconds to be written below the line with where they are; some four to six."""
        step = _step(self.duration)
        seconds: Sequence[int] = range(int(self.duration / step) + 1)
        # A last one at the very end would stick out.
        return [(n * step, self.at(n * step)) for n in seconds if self.at(n * step) <= 93]


def _step(duration: float) -> float:
    for step in (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200):
        if duration / step <= 6:
            return step
    return max(1.0, duration / 6)
