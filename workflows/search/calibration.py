"""From a cosine similarity to how sure it is that a frame fits.

What a similarity of 0.3 means depends on the model and on the collection. So random questions,
which no frame fits, are asked of the collection, and the best score of each is kept: the
background. A confidence of 0.9 says that of ten such questions, nine find nothing as good.

It also depends on the text, for a model that knows some things by name and others by what they are
like: 0.3 is much for "a hot drink" and little for "an espresso". Where the model can tell how high
a text may score, its scores are measured by that.

Best scores of many follow a Gumbel distribution; measured by what can be reached at most, they have
less of a tail, and follow a normal one better. Either is fitted to the lower half of the
background, because some of the random questions do find what they name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from statistics import NormalDist
from typing import Literal

import numpy as np

from components.records.record import Document

Kind = Literal["text", "picture", "mixed"]

THRESHOLD = 0.9
# Of what is kept. 3: no text is measured by less than what the model knows least.
VERSION = 3
# By how much a collection may grow, or shrink, before its background is taken anew.
_GROWTH = 0.2
# Scores have four digits in what the program writes; nothing below is a difference.
_LEAST_SCALE = 1e-3
_NORMAL = NormalDist()


class Background(Document):
    """The best scores of random questions, asked of one collection of so many points.

    Those of texts are divided by what the texts can reach; `measured` says that the model tells it.
    """

    version: int = VERSION
    model: str
    collection: str
    points: int
    scores: Mapping[Kind, tuple[float, ...]]
    measured: bool = False

    def is_of(self, model: str, collection: str, points: int) -> bool:
        """Return whether it holds for a collection as it is now, and is measured as today."""
        grown = abs(points - self.points) > _GROWTH * self.points
        of_it = (self.version, self.model, self.collection) == (VERSION, model, collection)
        return of_it and not grown

    def confidence(self, kind: Kind, score: float, reach: float = 1.0) -> float:
        """Return the share of random questions whose best score is lower; rises with the score.

        Args:
            reach: Of the text that was asked.
        """
        location, scale = self._fits[kind]
        share = _normal_share if self._is_normal(kind) else _gumbel_share
        return share((score / reach - location) / scale)

    def _is_normal(self, kind: Kind) -> bool:
        return self.measured and kind == "text"

    @cached_property
    def _fits(self) -> dict[Kind, tuple[float, float]]:
        return {
            kind: normal(scores) if self._is_normal(kind) else gumbel(scores)
            for kind, scores in self.scores.items()
        }


def gumbel(scores: Sequence[float]) -> tuple[float, float]:
    """Return location and scale of the Gumbel distribution with the scores' first two quartiles."""
    return _fitted(scores, lambda share: -math.log(-math.log(share)))


def normal(scores: Sequence[float]) -> tuple[float, float]:
    """Return mean and deviation of the normal distribution with the scores' first two quartiles."""
    return _fitted(scores, _NORMAL.inv_cdf)


def _fitted(scores: Sequence[float], quantile: Callable[[float], float]) -> tuple[float, float]:
    """Return location and scale of a distribution, whose standard form has these quantiles."""
    if not scores:
        return 0.0, _LEAST_SCALE
    quarter, half = (float(value) for value in np.quantile(scores, (0.25, 0.5)))
    at_quarter, at_half = quantile(0.25), quantile(0.5)
    scale = max((half - quarter) / (at_half - at_quarter), _LEAST_SCALE)
    return half - scale * at_half, scale


def _gumbel_share(value: float) -> float:
    return math.exp(-math.exp(min(-value, 700.0)))


def _normal_share(value: float) -> float:
    return _NORMAL.cdf(value)
