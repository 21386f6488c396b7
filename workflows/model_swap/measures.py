"""The measures by which two models are compared, and how sure the difference is.

nDCG@10 (Järvelin and Kekäläinen 2002) and recall@10. The intervals of differences are the
percentile bootstrap's, over queries taken in pairs (Efron 1979; Sakai 2014 for retrieval); what is
asked of one frame stands together, as its variants stand or fall together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from workflows.model_swap.reports import Judged, Measured

# What is relevant to each query, and how much; and what was found, with its score.
Relevant = Mapping[str, Mapping[str, int]]
Found = Mapping[str, Mapping[str, float]]

K = 10
_SEED = 0
_RESAMPLED = 10_000
_CONFIDENCE = 0.95


def verdict(kind: str, relevant: Relevant, current: Found, other: Found) -> Judged:
    """Return how well two models find what is relevant to each query.

    Args:
        relevant: By query: a caption's name, or a frame's path and, after a space, a variant's.
        current, other: What was found, by query, with its score.
    """
    before, after = _scores(relevant, current), _scores(relevant, other)
    asked_of: defaultdict[str, list[str]] = defaultdict(list)
    for query in sorted(relevant):
        # A variant's name follows its frame's; captions have names without spaces.
        asked_of[query.rpartition(" ")[0] or query].append(query)
    measures = {
        name: measured(
            *(
                [fmean(one[name][query] for query in queries) for queries in asked_of.values()]
                for one in (before, after)
            )
        )
        for name in ("ndcg", "recall")
    }
    return Judged(kind=kind, queries=len(relevant), k=K, **measures)


def measured(current: Sequence[float], other: Sequence[float]) -> Measured:
    """Return the means of a measure over the same queries, and the interval of their difference."""
    one, two = np.asarray(current, np.float64), np.asarray(other, np.float64)
    low, high = interval(two - one)
    return Measured(
        current=round(float(one.mean()), 4),
        other=round(float(two.mean()), 4),
        difference=round(float((two - one).mean()), 4),
        low=round(low, 4),
        high=round(high, 4),
    )


def interval(differences: np.ndarray) -> tuple[float, float]:
    """Return the 95 % confidence interval of the mean of paired differences, by the bootstrap."""
    random = np.random.default_rng(_SEED)
    means = [
        fmean(differences[random.integers(0, len(differences), len(differences))])
        for _ in range(_RESAMPLED if len(differences) > 1 else 1)
    ]
    tail = 50 * (1 - _CONFIDENCE)
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)


def _scores(relevant: Relevant, found: Found) -> dict[str, dict[str, float]]:
    """Return nDCG@10 and recall@10 by query; a query that found nothing has 0."""
    import ir_measures
    from ir_measures import R, nDCG

    named = {str(nDCG @ K): "ndcg", str(R @ K): "recall"}
    scores: dict[str, dict[str, float]] = {
        name: dict.fromkeys(relevant, 0.0) for name in named.values()
    }
    for one in ir_measures.iter_calc([nDCG @ K, R @ K], relevant, found):
        scores[named[str(one.measure)]][one.query_id] = one.value
    return scores
