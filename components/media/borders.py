"""Telling a border from a dark picture, and finding its edge to the pixel.

A border is flat and black in every sampled picture and ends in a straight edge along the whole
picture. Dark footage is neither: it has structure, and what is lit in it ends raggedly. The
bounds to judge come from FFmpeg's cropdetect; this module accepts, moves or refuses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.records.videos import Rectangle

Plane = NDArray[np.float32]

# Compression smears the picture this far into the border, and noise moves cropdetect's bound.
_REACH_PX = 8
# A bar may vary by this much (standard deviation after smoothing, luma 0 to 255), no more.
_FLAT_STD = 2.0
# Luma this far above the limit is picture, not noise …
_BRIGHT = 32
# … if it takes more than this part of the bar: a caption does, ringing does not.
_BRIGHT_SHARE = 0.001
# A column counts as lit inside the edge if it is this much brighter than the bar.
_LIT = 6.0
# So much of the edge must be lit, at the same line; the rest may be where the picture is dark.
_STRAIGHT = 0.6
# A column counts as lit from this part of its own contrast on, so that an edge which encoding has
# smeared over two or three rows is placed alike next to dark and to bright pictures.
_ONSET = 0.4
# The edge is the first row at which half of what ever lights up is lit.
_HALF = 0.5
# A straight edge lights up within so many rows. So many rows before it, hardly any column may be
# lit, or it is ragged: footage that gets lighter. So many rows after it, nearly all must be.
_SHARP_PX = 3
_HARDLY, _NEARLY = 0.1, 0.9
# Ringing and mixed pixels reach so far inside the edge; beyond that is the picture as it is.
_INSET_PX = 2


class Evidence:
    """Luma over all sampled pictures: mean and peak of every pixel, as displayed."""

    def __init__(self, height: int, width: int) -> None:
        self._sum = np.zeros((height, width), np.float32)
        self._peak = np.zeros((height, width), np.uint8)
        self._count = 0

    def add(self, luma: NDArray[np.uint8]) -> None:
        """Add one picture of shape (height, width)."""
        self._sum += luma
        np.maximum(self._peak, luma, out=self._peak)
        self._count += 1

    def added(self, pictures: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """Add the pictures and pass them on."""
        for luma in pictures:
            self.add(luma)
            yield luma

    @property
    def mean(self) -> Plane:
        """Return the mean over time."""
        return self._sum / np.float32(max(1, self._count))

    @property
    def peak(self) -> NDArray[np.uint8]:
        """Return the maximum over time."""
        return self._peak


@dataclass(frozen=True)
class Bars:
    """Widths of the four borders in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    def rectangle(self, width: int, height: int) -> Rectangle:
        """Return the picture inside the borders of a frame of this size."""
        return Rectangle(
            x=self.left,
            y=self.top,
            width=width - self.left - self.right,
            height=height - self.top - self.bottom,
        )


def judged(evidence: Evidence, proposed: Bars, limit: int) -> Bars:
    """Return the borders that hold up, each moved to its edge; 0 where there is none.

    `limit` is the luma up to which cropdetect counts as black. A side that falls widens the
    stretch along which the others must be straight, so sides are judged until none falls.
    """
    bars = proposed
    while True:
        verdict = Bars(
            top=_edge(_side(evidence, "top"), bars.top, (bars.left, bars.right), limit),
            bottom=_edge(_side(evidence, "bottom"), bars.bottom, (bars.left, bars.right), limit),
            left=_edge(_side(evidence, "left"), bars.left, (bars.top, bars.bottom), limit),
            right=_edge(_side(evidence, "right"), bars.right, (bars.top, bars.bottom), limit),
        )
        fallen = _sides(bars) - _sides(verdict)
        if not fallen:
            return verdict
        bars = Bars(**{side: 0 if side in fallen else getattr(bars, side) for side in _SIDES})


def border_holds(
    small: NDArray[np.uint8], rectangle: Rectangle, width: int, height: int, limit: int
) -> bool:
    """Return whether a frame is black outside the rectangle, but for noise.

    `small` is the frame of `width` x `height` pixels scaled down, (…, …, 3) uint8, full range.
    """
    rows, columns = small.shape[:2]
    # One pixel more than the rectangle takes: scaling mixes picture into the border's last one.
    top = rectangle.y * rows // height - 1
    bottom = -(-(rectangle.y + rectangle.height) * rows // height) + 1
    left = rectangle.x * columns // width - 1
    right = -(-(rectangle.x + rectangle.width) * columns // width) + 1
    bars = (small[: max(0, top)], small[bottom:], small[:, : max(0, left)], small[:, right:])
    return all(_is_black(bar, limit) for bar in bars)


def _is_black(bar: NDArray[np.uint8], limit: int) -> bool:
    if not bar.size:
        return True
    # Not bar.max(axis=-1), which takes ten times as long over an axis of three.
    brightest = np.maximum(np.maximum(bar[..., 0], bar[..., 1]), bar[..., 2])
    return bool(brightest.mean() <= limit and (brightest > limit + _BRIGHT).mean() <= 0.01)


_SIDES = ("top", "bottom", "left", "right")
_View = tuple[Plane, NDArray[np.uint8]]


def _sides(bars: Bars) -> set[str]:
    return {side for side in _SIDES if getattr(bars, side)}


def _side(evidence: Evidence, side: str) -> _View:
    """Return mean and peak turned so that the side's border is on top."""

    def turned(plane: NDArray[Any]) -> NDArray[Any]:
        if side in ("left", "right"):
            plane = plane.T
        return plane[::-1] if side in ("bottom", "right") else plane

    return turned(evidence.mean), turned(evidence.peak)


def _edge(view: _View, proposed: int, ends: tuple[int, int], limit: int) -> int:
    """Return the rows of the border on top of the view, 0 if there is none.

    `ends` are the borders at either end of the edge, which it need not run along.
    """
    mean, peak = view
    rows, columns = mean.shape
    if proposed < 1 or proposed + _REACH_PX >= rows:
        return 0
    quiet = slice(0, max(1, proposed - _REACH_PX))
    if not _is_flat(mean[quiet], peak[quiet], limit):
        return 0
    black = float(np.median(mean[quiet]))
    stretch = slice(ends[0], columns - ends[1])
    within = proposed + _INSET_PX
    contrast = mean[within : within + _REACH_PX, stretch].mean(axis=0) - black
    visible = contrast > _LIT
    # Half of _LIT at least, or noise of the bar would count where the picture is hardly lighter.
    threshold = black + np.maximum(_LIT / 2, _ONSET * contrast)
    first = max(0, proposed - _REACH_PX)
    near = mean[first : proposed + _REACH_PX + 1, stretch]
    lit = ((near > threshold) & visible).mean(axis=1)
    if visible.mean() < _STRAIGHT:
        return 0
    edge = int(np.argmax(lit >= _HALF * lit.max()))
    if edge >= _SHARP_PX and lit[edge - _SHARP_PX] > _HARDLY:
        return 0
    if lit[min(edge + _SHARP_PX, len(lit) - 1)] < _NEARLY * _STRAIGHT:
        return 0
    return first + edge


def smoothed(plane: Plane) -> NDArray[np.float64]:
    """Return the mean over 9 × 9 pixels around each, the plane mirrored at its edges.

    By a summed-area table (Crow 1984). OpenCV has the same, at 150 MB more for crop's image.
    """
    reach, size = 4, 9
    mirrored = np.pad(plane.astype(np.float64), reach, mode="reflect")
    sums = np.pad(mirrored.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    total = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    smooth: NDArray[np.float64] = total / size**2
    return smooth


def _is_flat(mean: Plane, peak: NDArray[np.uint8], limit: int) -> bool:
    smooth = smoothed(mean)
    return bool(
        float(mean.mean()) <= limit
        and float(smooth.std()) <= _FLAT_STD
        and float((peak > limit + _BRIGHT).mean()) <= _BRIGHT_SHARE
    )
