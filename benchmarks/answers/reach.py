"""By what scores of texts are to be measured: fitted, and checked on subjects left out.

A question is answered rightly or not at all; which of both, logistic regression tells by the
logarithms of its best score and of how like its text is to the nearest class name. Their weights
make one measure, score / likeness ** exponent, and the exponent is what `ConseTextEncoder` has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.answers.judging import best_moments, is_right
from benchmarks.answers.questions import Judged
from components.encoders.conse_text import REACH_EXPONENT, ConseTextEncoder
from workflows.search.ask import Asker
from workflows.search.question import Question

Numbers = NDArray[np.float64]

_FOLDS, _RESAMPLED = 5, 200
# As much as keeps the fit from running away where a fold can be told apart entirely.
_RIDGE, _STEPS = 0.1, 50
_FALSE = 0.1


@dataclass(frozen=True)
class _Sample:
    """Questions: logarithms of score and likeness, whether answered rightly, and their folds.

    Those that are there and are answered wrongly are in `wrong`; nothing is fitted to them.
    """

    logs: Numbers
    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    fold: NDArray[np.int_]

    @property
    def absent(self) -> NDArray[np.bool_]:
        return ~self.right & ~self.wrong


def fit(
    asker: Asker, texts: ConseTextEncoder, asked: Sequence[Judged], absent: Sequence[str]
) -> str:
    """Return in words which exponent is fitted, and what it is worth on what was left out."""
    sample = _sample(asker, texts, asked, absent)
    known = sample.right | sample.absent
    exponent = _exponent(sample, known)
    random = np.random.default_rng(0)
    places = np.flatnonzero(known)
    drawn = [_exponent(sample, random.choice(places, len(places))) for _ in range(_RESAMPLED)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    folds = [_exponent(sample, known & (sample.fold != fold)) for fold in range(_FOLDS)]
    measured = sample.logs[:, 0] - np.take(folds, sample.fold) * sample.logs[:, 1]
    before, after = _area(sample, sample.logs[:, 0]), _area(sample, measured)
    first, then = (
        right_at_one_false_in_ten(values, sample.right, sample.absent)
        for values in (sample.logs[:, 0], measured)
    )
    return (
        f"The exponent is {REACH_EXPONENT:g}; fitted to all questions it is {exponent:.2f} (95 % "
        f"interval {low:.2f} to {high:.2f}), and {min(folds):.2f} to {max(folds):.2f} where a "
        "fifth of the subjects is left out. Judged on what was left out, the area under the ROC "
        f"curve is {after:.2f}, and {before:.2f} for scores as they are; at one false answer in "
        f"ten, {then:.0%} of the texts have the right moment first, and {first:.0%}."
    )


def _sample(
    asker: Asker, texts: ConseTextEncoder, asked: Sequence[Judged], absent: Sequence[str]
) -> _Sample:
    questions = [judged.question for judged in asked] + [Question(texts=(one,)) for one in absent]
    moments = best_moments(asker, questions)
    likeness = texts.nearest_class(
        texts.embed_texts([text for question in questions for text in question.texts])
    )
    scores = np.array([max(moment.score, 1e-3) for moment in moments])
    right = [is_right(judged, moment) for judged, moment in zip(asked, moments, strict=False)]
    subjects = sorted({judged.subject for judged in asked})
    folds = [subjects.index(judged.subject) % _FOLDS for judged in asked]
    return _Sample(
        logs=np.log(np.stack([scores, likeness.astype(np.float64)], axis=1)),
        right=np.array([*right, *(False for _ in absent)]),
        wrong=np.array([*(not one for one in right), *(False for _ in absent)]),
        fold=np.array([*folds, *(place % _FOLDS for place in range(len(absent)))]),
    )


def _exponent(sample: _Sample, chosen: NDArray[np.bool_] | NDArray[np.int_]) -> float:
    score, likeness, _ = logistic(sample.logs[chosen], sample.right[chosen])
    return float(-likeness / score)


def logistic(features: Numbers, is_true: NDArray[np.bool_]) -> Numbers:
    """Return the weights of a logistic regression, the intercept last, by Newton's method."""
    rows = np.column_stack([features, np.ones(len(features))])
    ridge = np.diag([*[_RIDGE] * features.shape[1], 0.0])
    weights: Numbers = np.zeros(rows.shape[1])
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (likely - is_true) + ridge @ weights
        curve = (rows * (likely * (1 - likely))[:, None]).T @ rows + ridge
        weights = weights - np.linalg.solve(curve, slope)
    return weights


def _area(sample: _Sample, values: Numbers) -> float:
    """Return how often a right answer has a higher value than one of what is not there."""
    right, absent = values[sample.right], values[sample.absent]
    return float(np.mean(right[:, None] > absent[None, :]))


def right_at_one_false_in_ten(
    values: Numbers, right: NDArray[np.bool_], absent: NDArray[np.bool_]
) -> float:
    """Return the share of the texts that are there which are answered rightly at that rate."""
    least = np.quantile(values[absent], 1 - _FALSE)
    return float(np.sum(values[right] > least) / np.sum(~absent))
