"""A line through points of which some are wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

# Of points closer than this in x, as a ratio, noise makes the slope.
_APART = 2.0
# What is further from the median, as a ratio, counts as if it were so far from it.
_STRAYED = 1.5


@dataclass(frozen=True)
class Line:
    """`start` for each thing, and `slope` for each unit of x that it has; neither negative."""

    start: float
    slope: float

    def over(self, things: float, units: float) -> float:
        """Return y summed over things that have so many units in all."""
        return self.start * things + self.slope * units


@dataclass(frozen=True)
class Weighted:
    """A point that stands for `weight` things."""

    x: float
    y: float
    weight: float


def fitted(points: Sequence[Weighted]) -> Line:
    """Return the line through most of the points, whatever a third of them say.

    The median of the slopes between any two (Theil 1950, Sen 1968), weighted. Points that differ
    too little in x give no slope: then all of y counts as growing with x.

    Raises:
        ValueError: no points.
    """
    slopes = [
        ((other.y - one.y) / (other.x - one.x), min(one.weight, other.weight))
        for one, other in combinations(points, 2)
        if max(one.x, other.x) > _APART * min(one.x, other.x)
    ]
    if slopes:
        slope = max(0.0, median(slopes))
        start = median((one.y - slope * one.x, one.weight) for one in points)
        if start >= 0:
            return Line(start, slope)
    if all(one.x > 0 for one in points):
        return Line(0.0, median((one.y / one.x, one.weight) for one in points))
    return Line(median((one.y, one.weight) for one in points), 0.0)


def off_by(line: Line, points: Sequence[Weighted]) -> float:
    """Return the mean distance of the points from the line, as a part of their mean y."""
    apart = sum(abs(line.over(1.0, one.x) - one.y) * one.weight for one in points)
    total = sum(one.y * one.weight for one in points)
    return apart / total if total else 0.0


def steady_mean(weighted: Sequence[tuple[float, float]]) -> float:
    """Return the weighted mean of positive values, in which no stray one counts as what it is.

    Raises:
        ValueError: no values.
    """
    middle = median(weighted)
    least, most = middle / _STRAYED, middle * _STRAYED
    total = sum(min(max(value, least), most) * weight for value, weight in weighted)
    return total / sum(weight for _, weight in weighted)


def median(weighted: Iterable[tuple[float, float]]) -> float:
    """Return the value that half of the weight is not above; of two that share it, their mean.

    Raises:
        ValueError: no values.
    """
    ordered = sorted(weighted)
    if not ordered:
        raise ValueError("expected values, found none")
    half = sum(weight for _, weight in ordered) / 2
    reached = 0.0
    for number, (value, weight) in enumerate(ordered):
        reached += weight
        if reached > half:
            return value
        if reached == half and number + 1 < len(ordered):
            return (value + ordered[number + 1][0]) / 2
    return ordered[-1][0]
