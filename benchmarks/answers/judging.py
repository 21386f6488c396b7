"""Judges answers: is the right moment first, is it there, and is nothing said where nothing is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from benchmarks.answers.questions import ABSENT, GARBLED, Judged
from workflows.search.answer import Answer, Found, Moment
from workflows.search.ask import Asker
from workflows.search.question import Question

THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
_CONFIDENCE, _RESAMPLED = 0.95, 2000


@dataclass(frozen=True)
class Share:
    """A share of questions, with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.0%} ({self.low:.0%}–{self.high:.0%})"


@dataclass(frozen=True)
class Row:
    """How a way to answer did; `videos` and `pictures` are means over the first ten hits."""

    first: Share
    in_ten: Share
    videos: float
    pictures: float


@dataclass(frozen=True)
class TradeOff:
    """What a threshold does: what is answered rightly, withheld, and answered though not there.

    `garbled` are foreign and mistyped texts that are answered.
    """

    threshold: float
    right: Share
    withheld: Share
    false: Share
    garbled: Share


@dataclass(frozen=True)
class _Shown:
    """What a reader sees of a hit: a second of a video."""

    video: str
    second: float

    @classmethod
    def of(cls, hit: Found) -> _Shown:
        return cls(f"{hit.platform}/{hit.code}", hit.second)

    def is_in(self, judged: Judged) -> bool:
        return is_shown_in(judged, self.video, self.second)

    @property
    def footage(self) -> tuple[str, float]:
        """What is seen: of the same footage in two videos, a reader sees one."""
        return ("bikes" if "letterboxed" in self.video else self.video.split("/")[1], self.second)


def ways(asker: Asker) -> dict[str, Callable[[Question], Sequence[Found]]]:
    """Return how a question is answered: before there were answers, as a person asks, and so that
    everything counts as fitting.
    """
    return {
        "nearest frames": asker.frames,
        "moments, confidence 0": lambda question: [
            moment.best
            for moment in asker.answer(question.model_copy(update={"confidence": 0.0})).moments
        ],
        "moments": lambda question: [moment.best for moment in asker.answer(question).moments],
        "moments, or the nearest offered": lambda question: _seen(asker.answer(question)),
    }


def _seen(answer: Answer) -> list[Found]:
    """Return what a reader has before the eyes: what fits, or else what is offered in its place."""
    return [moment.best for moment in answer.moments or answer.nearest]


def row(asked: Sequence[Judged], ask: Callable[[Question], Sequence[Found]]) -> Row:
    """Judge one way to answer."""
    ranks, videos, pictures = [], [], []
    for judged in asked:
        shown = [_Shown.of(hit) for hit in ask(judged.question)[:10]]
        right = [rank for rank, one in enumerate(shown, start=1) if one.is_in(judged)]
        ranks.append(min(right, default=11))
        videos.append(len({one.video for one in shown}))
        pictures.append(len({one.footage for one in shown}))
    return Row(
        first=share_of_subjects(asked, [rank == 1 for rank in ranks]),
        in_ten=share_of_subjects(asked, [rank <= 10 for rank in ranks]),
        videos=float(np.mean(videos)),
        pictures=float(np.mean(pictures)),
    )


def trade_off(asker: Asker, asked: Sequence[Judged]) -> list[TradeOff]:
    """Judge every threshold, by the confidence of the best moment of each question."""
    best = best_moments(asker, [judged.question for judged in asked])
    known = [
        (is_right(judged, moment), moment.confidence)
        for judged, moment in zip(asked, best, strict=True)
    ]
    false, garbled = (
        [one.confidence for one in best_moments(asker, [Question(texts=(text,)) for text in texts])]
        for texts in (ABSENT, GARBLED)
    )
    return [
        TradeOff(
            threshold=threshold,
            right=share_of_subjects(asked, [right and sure >= threshold for right, sure in known]),
            withheld=share_of_subjects(
                asked, [right and sure < threshold for right, sure in known]
            ),
            false=share_of_many([sure >= threshold for sure in false]),
            garbled=share_of_many([sure >= threshold for sure in garbled]),
        )
        for threshold in THRESHOLDS
    ]


def best_moments(asker: Asker, questions: Iterable[Question]) -> list[Moment]:
    """Return the best moment of each question, whether it fits or not."""
    only = {"confidence": 0.0, "limit": 1}
    return [asker.answer(one.model_copy(update=only)).moments[0] for one in questions]


def is_shown_in(judged: Judged, video: str, second: float) -> bool:
    """Return whether a second of a video shows what is asked for."""
    return any(video == one and start <= second <= end for one, start, end in judged.places)


def is_right(judged: Judged, moment: Moment) -> bool:
    """Return whether a moment is where the answer is."""
    return _Shown.of(moment.best).is_in(judged)


def share_of_many(found: Sequence[bool]) -> Share:
    """Return a share with Wilson's score interval (Wilson 1927)."""
    count, share = len(found), sum(found) / len(found)
    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / (1 + z**2 / count)
    return Share(share, middle - half, middle + half)


def share_of_subjects(asked: Sequence[Judged], found: Sequence[bool]) -> Share:
    """Return a share with the bootstrap's interval over subjects: texts of one stand together."""
    subjects = sorted({judged.subject for judged in asked})
    counts = np.array(
        [
            [
                sum(yes for judged, yes in zip(asked, found, strict=True) if judged.subject == one),
                sum(judged.subject == one for judged in asked),
            ]
            for one in subjects
        ],
        np.float64,
    )
    random = np.random.default_rng(0)
    drawn = counts[random.integers(0, len(subjects), (_RESAMPLED, len(subjects)))].sum(axis=1)
    tail = 50 * (1 - _CONFIDENCE)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [tail, 100 - tail])
    return Share(float(np.mean(found)), float(low), float(high))
