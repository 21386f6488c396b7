"""Moments that look the same, of one video or several, become one: reposts, repetitions.

Two pictures are the same to a reader if their difference hashes are near and their vectors are too.
A hash alone takes dark or plain pictures for one another, a vector alone things of one kind. Frames
that an earlier version indexed have no hash; then the vectors have to be nearer still.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from components.stores.vectors.store import Neighbour
from workflows.search.moments import Candidate

# Bits of 64, for a picture that was scaled, compressed again or lightly cropped.
_NEAR_BITS = 10
_ALIKE = 0.85
_ALIKE_WITHOUT_HASH = 0.97


def folded(moments: Iterable[Candidate]) -> list[Candidate]:
    """Return the moments, best first, each with those folded under it that look like its best."""
    kept: list[Candidate] = []
    for moment in moments:
        for place, before in enumerate(kept):
            if look_the_same(before.best, moment.best):
                under = (moment.best.hit, *moment.folded)
                kept[place] = replace(before, folded=(*before.folded, *under))
                break
        else:
            kept.append(moment)
    return kept


def look_the_same(one: Neighbour, other: Neighbour) -> bool:
    """Return whether two frames show the same picture; both have their vectors."""
    assert one.vector is not None, "asked for with vectors"
    assert other.vector is not None, "asked for with vectors"
    alike = float(np.dot(one.vector, other.vector))
    if not (one.dhash and other.dhash):
        return alike >= _ALIKE_WITHOUT_HASH
    bits = (int(one.dhash, 16) ^ int(other.dhash, 16)).bit_count()
    return bits <= _NEAR_BITS and alike >= _ALIKE
