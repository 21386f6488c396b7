"""Other signals beside a score and what its text can reach: does any tell what is there better?

Each is added to these two in a logistic regression, cross-validated over subjects, and judged on
what was left out: how many texts have the right frame first at one false answer in ten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.answers.judging import is_shown_in
from benchmarks.answers.questions import Judged
from benchmarks.answers.reach import logistic, right_at_one_false_in_ten
from components.encoders.conse_text import ConseTextEncoder
from components.stores.vectors.store import StoredFrame
from workflows.search.background import random_texts

Numbers = NDArray[np.float64]

_FOLDS, _REPEATED = 5, 20
_ALWAYS = ("score", "reach")
# What is added, in words, and the signals that this takes.
_ADDED = {
    "nothing": (),
    "the gap to the best other scene": ("gap",),
    "the score less the median of the collection's": ("over_median",),
    "the score in deviations of the collection's": ("in_deviations",),
    "the score in deviations of the random texts' for the same frame": ("of_frame",),
    "its rank among the random texts' for the same frame": ("rank_of_frame",),
    "how like the frame is to its nearest class name": ("sure",),
    "how like the frame is to the text's nearest class name": ("agrees",),
}


@dataclass(frozen=True)
class _Sample:
    """Texts with their signals; `absent` ones come last, and of the others some are right."""

    signals: Mapping[str, Numbers]
    right: NDArray[np.bool_]
    absent: NDArray[np.bool_]
    subjects: Sequence[str]

    def rows(self, names: Sequence[str]) -> Numbers:
        """Return these signals with mean 0 and deviation 1: (texts, names)."""
        rows = np.column_stack([self.signals[name] for name in names])
        standard: Numbers = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-9)
        return standard


def signals_table(
    frames: Sequence[StoredFrame],
    texts: ConseTextEncoder,
    asked: Sequence[Judged],
    absent: Sequence[str],
) -> str:
    """Return a row for each signal, and one for all of them.

    Args:
        frames: All that there are, with their vectors.
    """
    sample = _sample(frames, texts, asked, absent)
    everything = {name for names in _ADDED.values() for name in names}
    lines = ["| added to score and reach | right first |", "|---|---|"]
    for words, names in (*_ADDED.items(), ("all of these", sorted(everything))):
        lines.append(f"| {words} | {_right(sample, (*_ALWAYS, *names)):.0%} |")
    return "\n".join(lines)


def _sample(
    frames: Sequence[StoredFrame],
    texts: ConseTextEncoder,
    asked: Sequence[Judged],
    absent: Sequence[str],
) -> _Sample:
    pictures = np.asarray([frame.vector for frame in frames], np.float32)
    words = [*(text for judged in asked for text in judged.question.texts), *absent]
    wanted = texts.embed_texts(words)
    best = (wanted @ pictures.T).argmax(axis=1)
    right = [
        is_shown_in(judged, f"{frames[place].platform}/{frames[place].code}", frames[place].second)
        for judged, place in zip(asked, best, strict=False)
    ]
    none = [False] * len(absent)
    return _Sample(
        signals=_signals(frames, pictures, texts, wanted, best),
        right=np.array([*right, *none]),
        absent=np.array([False] * len(asked) + [True] * len(absent)),
        subjects=[judged.subject for judged in asked],
    )


def _signals(
    frames: Sequence[StoredFrame],
    pictures: NDArray[np.float32],
    texts: ConseTextEncoder,
    wanted: NDArray[np.float32],
    best: NDArray[np.intp],
) -> dict[str, Numbers]:
    """Return what is known of each text's best frame: (texts,) each."""
    scores = (wanted @ pictures.T).astype(np.float64)
    score = scores.max(axis=1)
    names = [(one.platform, one.code, one.scene_start, one.scene_end) for one in frames]
    scenes = np.array([names.index(name) for name in names])
    others = np.where(scenes == scenes[best][:, None], -1.0, scores)
    random = (texts.embed_texts(random_texts()) @ pictures.T).astype(np.float64)
    own = random[:, best]
    by_class = (pictures @ texts.classes.T).astype(np.float64)[best]
    nearest = (wanted @ texts.classes.T).argmax(axis=1)
    return {
        "score": np.log(np.maximum(score, 1e-3)),
        "reach": np.log(texts.nearest_class(wanted).astype(np.float64)),
        "gap": score - others.max(axis=1),
        "over_median": score - np.median(scores, axis=1),
        "in_deviations": (score - scores.mean(axis=1)) / scores.std(axis=1),
        "of_frame": (score - own.mean(axis=0)) / own.std(axis=0),
        "rank_of_frame": np.log1p((own >= score).sum(axis=0)),
        "sure": by_class.max(axis=1),
        "agrees": by_class[np.arange(len(nearest)), nearest],
    }


def _right(sample: _Sample, names: Sequence[str]) -> float:
    """Return the share of texts answered rightly by these signals, over repeated divisions."""
    rows = sample.rows(names)
    fitted = sample.right | sample.absent
    shares = []
    for repetition in range(_REPEATED):
        fold = _folds(sample, np.random.default_rng(repetition))
        measured = np.zeros(len(rows))
        for left_out in range(_FOLDS):
            chosen = fitted & (fold != left_out)
            *weights, constant = logistic(rows[chosen], sample.right[chosen])
            own = fold == left_out
            measured[own] = rows[own] @ weights + constant
        shares.append(right_at_one_false_in_ten(measured, sample.right, sample.absent))
    return float(np.mean(shares))


def _folds(sample: _Sample, random: np.random.Generator) -> NDArray[np.intp]:
    """Return the fold of each text: those of one subject have the same."""
    order = random.permutation(sorted({*sample.subjects}))
    of_subject = {subject: place % _FOLDS for place, subject in enumerate(order.tolist())}
    of_absent = random.permutation(int(sample.absent.sum())) % _FOLDS
    return np.array([*(of_subject[subject] for subject in sample.subjects), *of_absent])
