"""Answers questions: from texts, pictures and frames to moments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import numpy as np

from components.base.side_by_side import batches
from components.settings import Settings
from components.stores.vectors.open import open_store
from components.stores.vectors.store import Collection, Neighbour, StoredFrame
from workflows.local.first_run import require_collection
from workflows.local.indexed_model import with_model_of
from workflows.local.stand_ins import frame_location
from workflows.search.among import Sought, found_among
from workflows.search.answer import Answer, Found, Moment
from workflows.search.background import CurrentBackground
from workflows.search.calibration import THRESHOLD
from workflows.search.candidates import Candidates
from workflows.search.moments import Candidate
from workflows.search.narrowing import filter_of
from workflows.search.question import Question
from workflows.search.question_vectors import QuestionVectors
from workflows.search.ranking import Ranking
from workflows.search.sides import ModelSides

if TYPE_CHECKING:
    from components.base.vectors import Vectors


class Asker:
    """Answers questions about a collection with its own model; safe to share between threads."""

    def __init__(
        self, collection: Collection, settings: Settings, sides: ModelSides | None = None
    ) -> None:
        """
        Args:
            settings: With the collection's model.
            sides: What embeds by it, if not as the settings say.
        """
        self._collection = collection
        self._sides = sides or ModelSides(settings)
        folder = settings.work.data_dir / "search"
        self._background = CurrentBackground(collection, self._sides, folder)
        self._vectors = QuestionVectors(collection, self._sides)
        self._candidates = Candidates(collection)
        # What all frames' locations begin with: an answer has hundreds.
        self._location = frame_location(settings, "")

    @property
    def model(self) -> str:
        """The identity of the collection's model."""
        return self._sides.model

    def warm(self, *, pictures: bool = True) -> None:
        """Load the model and the background, so that no question waits for them."""
        self._sides.texts()
        self._background.get()
        if pictures:
            self._sides.pictures()

    def answer(self, question: Question, page: int | None = None) -> Answer:
        """Return the moments that fit, or those that come closest and that nothing fits.

        Args:
            page: Moments of a page, of which the answer is several; each is ordered as by itself.

        Raises:
            ConfigurationError: the picture is not one, or the frame asked for is not there.
            TransientError: the store does not answer.
        """
        background = self._background.get()
        threshold = THRESHOLD if question.confidence is None else question.confidence
        wanted = self._vectors.wanted(question)
        unwanted = self._vectors.unwanted(question)

        def fits(moment: Candidate) -> bool:
            return wanted.confidence(moment.best.score, background) >= threshold

        def shows_unwanted(moment: Candidate) -> bool:
            return unwanted is not None and unwanted.is_shown(moment.best, background)

        ranked = Ranking()
        enough = question.offset + question.limit
        while not ranked.ended and len(ranked.order) < enough:
            found, complete = self._candidates.near(question, wanted.vector, unwanted, ranked.room)
            ranked.add([one for one in found if not shows_unwanted(one)], fits, complete)
        chosen = ranked.order[question.offset : enough]
        by_score = [
            moment
            for one in batches(chosen, page or max(1, len(chosen)))
            for moment in sorted(one, key=lambda moment: -moment.best.score)
        ]
        moments = tuple(
            self._moment(one, wanted.confidence(one.best.score, background)) for one in by_score
        )
        known = len(ranked.order) if ranked.fits else 0
        return Answer(
            fits=ranked.fits,
            moments=moments if ranked.fits else (),
            nearest=() if ranked.fits else moments,
            total=known if ranked.ended or not ranked.fits else None,
            more=not ranked.ended or len(ranked.order) > enough,
            model=self.model,
            threshold=threshold,
            undated=self._candidates.leaves_out_undated(question, wanted.vector),
            unknown=(*wanted.unknown, *(unwanted.unknown if unwanted else ())),
            excluded_by=() if ranked.order else self._candidates.excluding(question, wanted.vector),
        )

    def frames(self, question: Question) -> list[Found]:
        """Return the nearest frames one by one, whether they fit or not.

        Raises:
            ConfigurationError: as `answer` does.
        """
        towards = self._vectors.wanted(question).vector
        if unwanted := self._vectors.unwanted(question):
            towards = unwanted.away_from(towards)
        near = self._collection.nearest(
            towards.tolist(), question.offset + question.limit, where=filter_of(question)
        )
        return [self._found(one) for one in near[question.offset :]]

    def among(
        self, sought: Sequence[Sought], frames: Iterable[Neighbour]
    ) -> list[tuple[Moment, ...]]:
        """Return for each text all moments that fit, best first, of these frames alone.

        Args:
            frames: With their vectors; their scores are not looked at.
        """
        background = self._background.get()
        wanted = self._vectors.of_texts([one.text for one in sought])
        vectors = np.stack([one.vector for one in wanted])
        found = found_among(sought, vectors, [one.reach for one in wanted], frames, background)
        return [
            tuple(
                self._moment(moment, own.confidence(moment.best.score, background))
                for moment in moments
            )
            for own, moments in zip(wanted, found, strict=True)
        ]

    def unknown(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return those of the texts that the model hardly knows."""
        return tuple(text for one in self._vectors.of_texts(texts) for text in one.unknown)

    def vectors(
        self, frames: Sequence[tuple[str, str, int]]
    ) -> dict[tuple[str, str, int], Vectors]:
        """Return the vectors of frames, by platform, code and number; of those that are there."""
        return self._vectors.of_frames(frames)

    def _moment(self, moment: Candidate, confidence: float) -> Moment:
        best = moment.best
        in_time = sorted(moment.frames, key=lambda near: near.frame.frame_number)
        return Moment(
            platform=best.frame.platform,
            code=best.frame.code,
            start=moment.start,
            end=moment.end,
            best=self._found(best),
            score=best.score,
            confidence=round(confidence, 4),
            frames=tuple(map(self._found, in_time)),
            folded=tuple(_name(near.frame) for near in moment.folded),
        )

    def _found(self, near: Neighbour) -> Found:
        return Found(**near.shown(), location=f"{self._location}{near.frame.path}")


@contextmanager
def asking(settings: Settings) -> Iterator[Asker]:
    """Give what answers questions about the collection that the settings name.

    The model is always the collection's own; of CLIP_MODEL only a folder matters that holds it.

    Raises:
        ConfigurationError: there is no collection, or its model is a folder that CLIP_MODEL does
            not name.
        TransientError: the store does not answer, or the first run has indexed nothing yet.
    """
    with closing(open_store(settings.index)) as store:
        collection = store.collection()
        indexed = collection.model()
        if indexed is None:
            require_collection(collection, settings)
        else:
            settings = with_model_of(settings, indexed, collection.dim)
        yield Asker(collection, settings)


def _name(frame: StoredFrame) -> str:
    return f"{frame.platform}/{frame.code}/{frame.frame_number}"
