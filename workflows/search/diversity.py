"""Maximal marginal relevance: each answer is worth less, the more it is like one before it.

Carbonell and Goldstein 1998, "The Use of MMR, Diversity-Based Reranking".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# How much of the value is relevance; the rest is being unlike what comes before.
RELEVANCE = 0.8


def diverse_order(
    scores: Sequence[float],
    vectors: NDArray[np.floating],
    count: int,
    relevance: float = RELEVANCE,
) -> list[int]:
    """Return the places of `count` items in the order of their marginal relevance.

    Args:
        scores: Of each item, the higher the better; the best one always comes first.
        vectors: (items, dim), rows of length 1.
        relevance: 1 orders by score alone.
    """
    wanted = min(count, len(scores))
    if not wanted:
        return []
    rated = np.asarray(scores, np.float64)
    likeness = np.full(len(rated), -np.inf)
    order = [int(rated.argmax())]
    while len(order) < wanted:
        likeness = np.maximum(likeness, vectors @ vectors[order[-1]])
        value = relevance * rated - (1 - relevance) * likeness
        value[order] = -np.inf
        order.append(int(value.argmax()))
    return order
