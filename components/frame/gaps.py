"""How much each frame differs from the one before, where only some of the frames are decoded.

A detector looks at a frame's score beside those of the two frames before and after. Between two
decoded frames that lie apart, scores are estimated: what is between them changes as fast as what is
around. Where a cut may lie, the frames between are decoded after all, and scores are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

# PySceneDetect's AdaptiveDetector looks at so many frames on either side (window_width).
_WINDOW = 2
# Frames decoded after all at a time, so that cuts are told in time.
_MOST = 16


@dataclass
class Run:
    """What came between two decoded frames: after frame `first`, up to frame `last`.

    `score` is how much the two differ: the mean absolute difference over hue, saturation and value,
    0 to 255. `doubted` says that a cut may lie within, or so near that its frames matter.
    """

    first: int
    last: int
    score: float
    doubted: bool = False

    @property
    def frames(self) -> int:
        """How many frames later the second one is; 1 if none was left out."""
        return self.last - self.first

    @property
    def rate(self) -> float:
        """The score that each frame has if all change alike."""
        return self.score / self.frames


class Doubt(Protocol):
    """Says whether a cut may lie within a run, so that it has to be known exactly."""

    def __call__(self, run: Run, around: float, *, exact: bool) -> bool:
        """Return whether to decode the frames of the run and of the window around it.

        Args:
            around: Mean score of the frames in the window before and after, where known or
                estimated.
            exact: Whether no frame is left out, neither in the run nor in the window.
        """
        ...


# The scores of the frames after the first up to the last of these runs, which follow each other.
Decode = Callable[[Sequence[Run]], Sequence[float]]


class GapScores:
    """Takes runs in order and gives a score for every frame, some frames later.

    Args:
        doubts: Which runs to decode.
        decode: Decodes the frames that were left out.
    """

    def __init__(self, doubts: Doubt, decode: Decode) -> None:
        self._doubts, self._decode = doubts, decode
        # Not given out yet, how many of them are judged, and the last ones given out before.
        self._runs: list[Run] = []
        self._judged = 0
        self._past: list[Run] = []

    def add(self, run: Run) -> Iterator[tuple[int, float]]:
        """Take the next run; yield the frames, by number, whose scores are settled now."""
        self._runs.append(run)
        while self._judged < len(self._runs) and self._next.last <= run.last - _WINDOW:
            self._judge()
        begins = self._next.first if self._judged < len(self._runs) else run.last
        yield from self._settled(sum(one.last <= begins - _WINDOW for one in self._runs))

    def finish(self) -> Iterator[tuple[int, float]]:
        """Yield the rest of the frames."""
        while self._judged < len(self._runs):
            self._judge()
        yield from self._settled(len(self._runs), ended=True)

    @property
    def _next(self) -> Run:
        """The next run to be judged."""
        return self._runs[self._judged]

    def _judge(self) -> None:
        run = self._next
        window = [
            other
            for other in [*self._past, *self._runs]
            if other is not run
            and run.first - _WINDOW < other.last
            and other.first < run.last + _WINDOW
        ]
        total = frames = 0.0
        for other in window:
            inside = min(other.last, run.last + _WINDOW) - max(other.first, run.first - _WINDOW)
            total += inside * other.rate
            frames += inside
        exact = all(other.frames == 1 for other in [run, *window])
        if self._doubts(run, total / max(1, frames), exact=exact):
            for other in [run, *window]:
                other.doubted = True
        self._judged += 1

    def _settled(self, ready: int, *, ended: bool = False) -> Iterator[tuple[int, float]]:
        """Give out the first runs, which none that is yet to be judged can make doubtful.

        Those in doubt are decoded together, so they wait for one that is not.
        """
        while ready:
            count = next((at for at in range(ready) if not self._runs[at].doubted), ready)
            enough = ended or count < ready
            if count and not enough and self._runs[count - 1].last - self._runs[0].first < _MOST:
                return
            yield from self._given_out(max(1, count))
            ready -= max(1, count)

    def _given_out(self, count: int) -> Iterator[tuple[int, float]]:
        runs, self._runs = self._runs[:count], self._runs[count:]
        self._judged -= count
        self._past = [*self._past, *runs][-_WINDOW:]
        if runs[0].doubted and any(run.frames > 1 for run in runs):
            scores = self._decode(runs)
        else:
            scores = [run.rate for run in runs for _ in range(run.frames)]
        yield from enumerate(scores, runs[0].first + 1)
