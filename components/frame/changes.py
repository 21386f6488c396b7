"""What comes to show something else without a cut: slides that dissolve, pans that arrive."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from components.media.pictures import Picture

# A change has to last so long; what returns before was a flash, or somebody passing by.
STAYS_S = 1.0
# Where all moves, as in a film's dissolves, it counts after so long. Less takes pans for changes.
_MOVING_S = 2.0
# Detectors tell of a cut up to 0.6 s late, and no dissolve of interest is over sooner than this.
_APART_S = 0.1999
# Side of the square that pictures are reduced to. Of 8, 16 and 32 it tells photographs apart best
# and sees the least in ordinary motion (benchmarks/scene_detectors.py).
_SIDE = 32
# SSIM's C3 for 8 bits: so that the noise of flat pictures is no change.
_FLAT = (0.03 * 255) ** 2 / 2


@dataclass(frozen=True)
class Sketch:
    """A picture in 32 × 32 pixels less their mean, flattened, and their standard deviation."""

    values: NDArray[np.float32]
    deviation: float

    @classmethod
    def of(cls, picture: Picture) -> Sketch:
        """Return the sketch of a picture of any size and shape."""
        small = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        values = small.ravel().astype(np.float32)
        values -= values.mean()
        return cls(values, float(values @ values / values.size) ** 0.5)


def difference(one: Sketch, other: Sketch) -> float:
    """Return how different two pictures are: 0 the same, 1 nothing in common, up to 2 a negative.

    One less the structure term of SSIM (Wang et al. 2004), taken once over the sketches: where what
    lies in which colour counts, brightness and contrast do not, so a fade is no change.
    """
    covariance = float(one.values @ other.values) / one.values.size
    return 1 - (covariance + _FLAT) / (one.deviation * other.deviation + _FLAT)


class ChangeWatch:
    """Tells when what is shown has moved far from where it was, and stays so.

    Compared is with how the scene, or what came after the last change, looked a second after it
    began. A change counts once it has lasted a second and less than half of it came in that second,
    or since the picture before; where all moves, once it has lasted two.

    Args:
        least: `difference` from which on a picture is another one.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._began: float | None = None
        self._reference: Sketch | None = None
        self._changed: float | None = None
        self._recent: deque[tuple[float, Sketch]] = deque()

    @property
    def held(self) -> int:
        """How many sketches are held, those of the last second."""
        return len(self._recent)

    def cut(self, second: float) -> None:
        """A scene began at `second`, so what was shown before does not count."""
        self._began, self._reference, self._changed = second, None, None
        while self._recent and self._recent[0][0] < second:
            self._recent.popleft()

    def has_changed(self, picture: Picture) -> bool:
        """Return whether the picture differs from the last one that was fed; nothing is kept."""
        if not self._recent:
            return False
        return difference(self._recent[-1][1], Sketch.of(picture)) >= self._least

    def differ(self, one: Picture, other: Picture) -> bool:
        """Return whether one picture is another than the other; nothing is kept."""
        return difference(Sketch.of(one), Sketch.of(other)) >= self._least

    def feed(self, second: float, picture: Picture) -> float | None:
        """Take the next picture (small, BGR), any time after the last.

        Returns:
            The second since which something else is shown, if it is certain now that it stays.
        """
        if self._recent and second - self._recent[-1][0] < _APART_S:
            return None
        now = Sketch.of(picture)
        self._recent.append((second, now))
        # The one before is kept however long ago it was: keyframes may lie farther apart.
        while len(self._recent) > 2 and second - self._recent[0][0] > STAYS_S + _APART_S:
            self._recent.popleft()
        if self._began is None:
            self._began = second
        if self._reference is None or second - self._began < STAYS_S:
            self._reference = now
            return None
        return self._change(second, now, self._reference)

    def finish(self, end: float) -> float | None:
        """Return the second since which something else is shown, if that stays until the end."""
        lasts = self._changed is not None and end - self._changed >= STAYS_S
        return self._changed if lasts else None

    def _change(self, second: float, now: Sketch, reference: Sketch) -> float | None:
        if difference(reference, now) < self._least:
            self._changed = None
            return None
        if self._changed is None:
            self._changed = second
        rests = difference(self._recent[0][1], now) < self._least / 2
        if second - self._changed < (STAYS_S if rests else _MOVING_S):
            return None
        began, self._changed = self._changed, None
        self._began, self._reference = began, now
        return began
