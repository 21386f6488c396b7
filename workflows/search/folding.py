"""Moments that look the same, of one video or several, become one: reposts, repetitions.

Two pictures are the same to a reader if their difference hashes are near and their vectors are too.
A hash alone takes dark or plain pictures for one another, a vector alone things of one kind. Frames
that an earlier version indexed have no hash; then the vectors have to be nearer still.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from workflows.search.moments import Candidate

# Bits of 64, for a picture that was scaled, compressed again or lightly cropped.
_NEAR_BITS = 10
_ALIKE = 0.85
_ALIKE_WITHOUT_HASH = 0.97
# Moments compared with all in one go: a call a moment would take longer than comparing.
_AT_ONCE = 256


def folded(moments: Iterable[Candidate]) -> list[Candidate]:
    """Return the moments, best first, each with those folded under it that look like its best.

    The best frames have their vectors, of length 1.
    """
    given = list(moments)
    if not given:
        return []
    vectors = np.asarray([moment.best.vector for moment in given], np.float32)
    marks = np.array([int(moment.best.frame.dhash or "0", 16) for moment in given], np.uint64)
    marked = np.array([bool(moment.best.frame.dhash) for moment in given])
    kept: list[int] = []
    under: dict[int, list[Candidate]] = {}
    for start in range(0, len(given), _AT_ONCE):
        same = _same(vectors, marks, marked, slice(start, start + _AT_ONCE))
        # Most are like none before them.
        like_one = set(np.flatnonzero(np.tril(same, start - 1).any(axis=1)).tolist())
        for place in range(start, min(start + _AT_ONCE, len(given))):
            row = place - start
            like = np.flatnonzero(same[row, kept]) if row in like_one else None
            if like is not None and like.size:
                under[kept[like[0]]].append(given[place])
            else:
                kept.append(place)
                under[place] = []
    return [_with(given[place], under[place]) for place in kept]


def _same(
    vectors: NDArray[np.float32],
    marks: NDArray[np.uint64],
    marked: NDArray[np.bool_],
    rows: slice,
) -> NDArray[np.bool_]:
    """Return whether the moments of some rows look like each of all, (rows, moments)."""
    near_bits = np.bitwise_count(marks[rows, None] ^ marks) <= _NEAR_BITS
    both = marked[rows, None] & marked
    least = np.where(both, np.where(near_bits, _ALIKE, np.inf), _ALIKE_WITHOUT_HASH)
    return np.asarray(vectors[rows] @ vectors.T >= least)


def _with(moment: Candidate, others: Sequence[Candidate]) -> Candidate:
    if not others:
        return moment
    frames = [near for other in others for near in (other.best, *other.folded)]
    return replace(moment, folded=(*moment.folded, *frames))
