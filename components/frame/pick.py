"""Which frames represent a video, decided while it is decoded once.

A scene is cut into parts of at most `every` seconds (1 / VP_SAMPLE_FPS), and where it comes to show
something else; each part gives the frame nearest its middle. Where that makes fewer than the
minimum, frames spread over the whole video fill up. Only a bounded number of frames is held at any
time, however long the video is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from components.records.videos import Frame

Item = TypeVar("Item")

# Of a scene part, so many candidates for its middle are held: the one taken is at most
# 1/32 of the part away from it.
_CANDIDATES = 32


@dataclass(frozen=True)
class Pickable(Generic[Item]):
    """A frame that may be picked."""

    number: int
    second: float
    item: Item


class Spread(Generic[Item]):
    """At most `capacity` candidates, evenly spread over the time offered so far.

    When full, every other one goes and the distance at which new ones are taken doubles.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._apart = 0.0
        self.held: list[Pickable[Item]] = []

    def offer(self, candidate: Pickable[Item]) -> None:
        """Hold the candidate if it is far enough from the last one; times must not decrease."""
        if self.held and candidate.second - self.held[-1].second < self._apart:
            return
        self.held.append(candidate)
        if len(self.held) > self._capacity:
            span = self.held[-1].second - self.held[0].second
            self.held = self.held[::2]
            # A little less than twice the mean distance, so that rounding skips none.
            self._apart = 1.99 * span / self._capacity

    def nearest(self, second: float) -> Pickable[Item] | None:
        """Return the candidate nearest to `second`, the earlier one of two."""
        return min(self.held, key=lambda held: abs(held.second - second), default=None)


class Picker(Generic[Item]):
    """Takes frames and cuts in order of time, and says which frames to keep.

    Args:
        every: Longest part of a scene that one frame represents, in seconds.
        fewest: Frames wanted at least, if the video has as many.
        keep: Called with each frame as soon as it is picked.
    """

    def __init__(self, every: float, fewest: int, keep: Callable[[Pickable[Item]], None]) -> None:
        self._every, self._fewest, self._keep = every, fewest, keep
        self._picked: dict[int, float] = {}
        self._starts: list[float] = []
        self._part_start = 0.0
        self._part = Spread[Item](_CANDIDATES)
        self._reserve = Spread[Item](max(8, 2 * fewest))

    @property
    def held(self) -> int:
        """How many frames are held, in case that one of them is picked."""
        return len(self._part.held) + len(self._reserve.held)

    def offer(self, candidate: Pickable[Item], blank: bool) -> None:
        """Take the next frame; a blank one only moves the time on."""
        if not self._starts:
            self._starts.append(candidate.second)
            self._part_start = candidate.second
        while candidate.second >= self._part_start + self._every:
            self._close_part(self._part_start + self._every)
        if not blank:
            self._part.offer(candidate)
            self._reserve.offer(candidate)

    def cut(self, second: float) -> None:
        """A new scene began at `second`, which may be a little in the past."""
        second = max(second, self._part_start)
        self.split(second)
        self._starts.append(second)

    def split(self, second: float) -> None:
        """Something else is shown since `second`, in the same scene: its parts are two."""
        second = max(second, self._part_start)
        later = [held for held in self._part.held if held.second >= second]
        self._part.held = [held for held in self._part.held if held.second < second]
        self._close_part(second)
        for candidate in later:
            self._part.offer(candidate)

    def finish(self, end: float) -> list[Frame]:
        """Return the frames picked from a video that ends at `end`, in order of time."""
        self._close_part(end)
        spare = [held for held in self._reserve.held if held.number not in self._picked]
        while spare and len(self._picked) < self._fewest:
            loneliest = max(spare, key=lambda held: self._loneliness(held.second, end))
            spare.remove(loneliest)
            self._pick(loneliest)
        return [self._frame(number, second, end) for number, second in sorted(self._picked.items())]

    def _close_part(self, end: float) -> None:
        middle = self._part.nearest((self._part_start + end) / 2)
        if middle:
            self._pick(middle)
        self._part_start = end
        self._part = Spread[Item](_CANDIDATES)

    def _pick(self, candidate: Pickable[Item]) -> None:
        self._picked[candidate.number] = candidate.second
        self._keep(candidate)

    def _loneliness(self, second: float, end: float) -> float:
        """Return the distance to the nearest frame picked; the ends count as half as far.

        So one frame in the middle of a scene is joined by those at a sixth and five sixths.
        """
        to_ends = [2 * (second - self._starts[0]), 2 * (end - second)]
        return min([abs(second - picked) for picked in self._picked.values()] + to_ends)

    def _frame(self, number: int, second: float, end: float) -> Frame:
        begun = [start for start in self._starts if start <= second]
        after = [start for start in self._starts if start > second]
        return Frame(
            number=number,
            second=second,
            scene_start=begun[-1] if begun else second,
            scene_end=after[0] if after else max(end, second),
        )
