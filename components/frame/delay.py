"""Frames wait until a detector that looks ahead has told of the cuts before them."""

from __future__ import annotations

from collections import deque

from av.video.frame import VideoFrame

from components.frame.choice import Choice
from components.frame.pick import Pickable
from components.frame.transnet import TransNetCuts
from components.media.pictures import Picture
from components.records.videos import Frame

# One frame in so many waits: 15 of the 75 that the detector may be behind, six a second at 30.
_EVERY = 5
# The first frames all do, so that a video of few frames gives as many as are wanted.
_FIRST = 8


class Delayed:
    """Hands frames on to a `Choice` once all cuts before them are known.

    Args:
        fewest: Frames wanted of the video at least.
    """

    def __init__(self, choice: Choice, cuts: TransNetCuts, fewest: int) -> None:
        self._choice, self._cuts = choice, cuts
        self._first = max(_FIRST, 2 * fewest)
        self._waiting: deque[tuple[Pickable[VideoFrame], Picture, bool | None]] = deque()

    def cut(self, second: float) -> None:
        """A new scene began at `second`."""
        self._release(second)
        self._choice.cut(second)

    def offer(
        self, candidate: Pickable[VideoFrame], thumbnail: Picture, blank: bool | None = None
    ) -> None:
        """Take the next frame; see `Choice.offer`."""
        if candidate.number < self._first or candidate.number % _EVERY == 0:
            self._waiting.append((candidate, thumbnail, blank))
        self._release(self._cuts.certain)

    def finish(self, end: float) -> list[Frame]:
        """Return the frames picked from a video that ends at `end`, in order of time."""
        self._release(float("inf"))
        return self._choice.finish(end)

    def _release(self, before: float) -> None:
        while self._waiting and self._waiting[0][0].second < before:
            self._choice.offer(*self._waiting.popleft())
