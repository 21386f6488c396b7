"""Texts asked of given frames alone, whose vectors are at hand: no request to the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from components.base.side_by_side import batches
from components.records.frame_names import point_id
from components.stores.vectors.store import Neighbour
from workflows.search.calibration import Background
from workflows.search.folding import folded
from workflows.search.moments import Candidate, grouped

if TYPE_CHECKING:
    from components.base.vectors import Vectors

_FRAMES_AT_ONCE, _MOST_FOLDED = 1000, 1000


@dataclass(frozen=True)
class Sought:
    """A text to be asked of given frames, and which moments count.

    Args:
        confidence: The least that they have to reach.
        platform: The only one they may be of.
        known: Ids of points; moments with one of them do not count.
    """

    text: str
    confidence: float
    platform: str | None = None
    known: AbstractSet[str] = frozenset()

    def counts(self, moment: Candidate) -> bool:
        """Return whether a moment is of the platform, and not known."""
        frames = [near.frame for near in moment.frames]
        if self.platform not in (None, frames[0].platform):
            return False
        ids = (point_id(one.platform, one.code, one.frame_number) for one in frames)
        return self.known.isdisjoint(ids)


def found_among(
    sought: Sequence[Sought],
    wanted: Vectors,
    reach: Sequence[float],
    frames: Iterable[Neighbour],
    background: Background,
) -> list[list[Candidate]]:
    """Return for each text all moments that fit, best first.

    Args:
        wanted: (len(sought), dim), the vectors of the texts.
        reach: How high a picture of each may score.
        frames: With their vectors; their scores are not looked at.
    """
    kept: list[list[Neighbour]] = [[] for _ in sought]
    for batch in batches(frames, _FRAMES_AT_ONCE):
        scores = np.asarray([near.vector for near in batch], np.float32) @ wanted.T
        for near, row in zip(batch, scores.tolist(), strict=True):
            for one, own, score, most in zip(sought, kept, row, reach, strict=True):
                if background.confidence("text", score, most) >= one.confidence:
                    own.append(replace(near, score=round(score, 4)))
    return [_moments(one, own) for one, own in zip(sought, kept, strict=True)]


def _moments(one: Sought, frames: Iterable[Neighbour]) -> list[Candidate]:
    moments = [moment for moment in grouped(frames) if one.counts(moment)]
    # Each is compared with all before it; who wants thousands, gets the rest as they are.
    return [*folded(moments[:_MOST_FOLDED]), *moments[_MOST_FOLDED:]]
