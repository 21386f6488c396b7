"""Moments that look the same, of one video or several, become one: reposts, repetitions.

Two pictures are the same to a reader if their difference hashes are near and their vectors are too.
A hash alone takes dark or plain pictures for one another, a vector alone things of one kind. Frames
that an earlier version indexed have no hash; then the vectors have to be nearer still.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from workflows.search.moments import Candidate

# Bits of 64, for a picture that was scaled, compressed again or lightly cropped.
_NEAR_BITS = 10
_ALIKE = 0.85
_ALIKE_WITHOUT_HASH = 0.97


def folded(moments: Iterable[Candidate]) -> list[Candidate]:
    """Return the moments, best first, each with those folded under it that look like its best.

    The best frames have their vectors, of length 1.
    """
    given = list(moments)
    if not given:
        return []
    vectors = np.asarray([moment.best.vector for moment in given], np.float32)
    marks = np.array([int(moment.best.dhash or "0", 16) for moment in given], np.uint64)
    marked = np.array([bool(moment.best.dhash) for moment in given])
    kept: list[int] = []
    under: dict[int, list[Candidate]] = {}
    for place, moment in enumerate(given):
        near_bits = np.bitwise_count(marks[kept] ^ marks[place]) <= _NEAR_BITS
        both = marked[kept] & marked[place]
        least = np.where(both, np.where(near_bits, _ALIKE, np.inf), _ALIKE_WITHOUT_HASH)
        alike = (vectors[:place] @ vectors[place])[kept]
        same = np.flatnonzero(alike >= least)
        if same.size:
            under[kept[same[0]]].append(moment)
        else:
            kept.append(place)
            under[place] = []
    return [_with(given[place], under[place]) for place in kept]


def _with(moment: Candidate, others: Iterable[Candidate]) -> Candidate:
    hits = [hit for other in others for hit in (other.best.hit, *other.folded)]
    return replace(moment, folded=(*moment.folded, *hits))
