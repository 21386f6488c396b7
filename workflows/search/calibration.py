"""From a cosine similarity to how sure it is that a frame fits.

What a similarity of 0.3 means depends on the model and on the collection. So random questions,
which no frame fits, are asked of the collection, and the best score of each is kept: the
background. A confidence of 0.9 says that of ten such questions, nine find nothing as good.

Best scores of many follow a Gumbel distribution. It is fitted to the lower half of the background,
because some of the random questions do find what they name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

import numpy as np

from components.records.record import Document

Kind = Literal["text", "picture", "mixed"]

THRESHOLD = 0.9
# By how much a collection may grow, or shrink, before its background is taken anew.
_GROWTH = 0.2
# Scores have four digits in what the program writes; nothing below is a difference.
_LEAST_SCALE = 1e-3


class Background(Document):
    """The best scores of random questions, asked of one collection of so many points."""

    version: int = 1
    model: str
    collection: str
    points: int
    best: Mapping[Kind, tuple[float, ...]]

    def is_of(self, model: str, collection: str, points: int) -> bool:
        """Return whether it holds for a collection as it is now."""
        grown = abs(points - self.points) > _GROWTH * self.points
        return (self.model, self.collection) == (model, collection) and not grown

    def confidence(self, kind: Kind, score: float) -> float:
        """Return the share of random questions whose best score is lower; rises with the score."""
        location, scale = self._fits[kind]
        return math.exp(-math.exp(min(-(score - location) / scale, 700.0)))

    @cached_property
    def _fits(self) -> dict[Kind, tuple[float, float]]:
        return {kind: gumbel(scores) for kind, scores in self.best.items()}


def gumbel(scores: Sequence[float]) -> tuple[float, float]:
    """Return location and scale of the Gumbel distribution with the scores' first two quartiles."""
    if not scores:
        return 0.0, _LEAST_SCALE
    quarter, half = (float(value) for value in np.quantile(scores, (0.25, 0.5)))
    # The quantile of p is location - scale · ln(-ln p).
    at_quarter, at_half = -math.log(-math.log(0.25)), -math.log(-math.log(0.5))
    scale = max((half - quarter) / (at_half - at_quarter), _LEAST_SCALE)
    return half - scale * at_half, scale
