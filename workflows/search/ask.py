"""Answers questions: from texts, pictures and frames to moments, in one or two requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from components.base.side_by_side import batches
from components.encoders.encoder import normalized
from components.errors import ConfigurationError
from components.records.frame_names import point_id
from components.settings import Settings
from components.stores.vectors.frame_filter import FrameFilter
from components.stores.vectors.open import open_store
from components.stores.vectors.store import Collection, Neighbour, StoredFrame
from workflows.local.first_run import require_collection
from workflows.local.indexed_model import with_model_of
from workflows.local.stand_ins import frame_location
from workflows.search.among import Sought, found_among
from workflows.search.answer import Answer, Found, Moment
from workflows.search.background import CurrentBackground
from workflows.search.calibration import THRESHOLD, Background, Kind
from workflows.search.folding import folded
from workflows.search.moments import Candidate, bounded, grouped
from workflows.search.narrowing import filter_of, filters_of, with_filters
from workflows.search.question import Question
from workflows.search.question_picture import decoded
from workflows.search.ranking import Ranking
from workflows.search.sides import ModelSides

if TYPE_CHECKING:
    from components.base.vectors import Vectors

# What is not wanted counts half as much as what is (Rocchio 1971 weighs it less as well).
_MINUS = 0.5
# Frames asked for: enough for the moments wanted, as several frames make one.
_FRAMES_A_MOMENT = 6


@dataclass(frozen=True)
class _Wanted:
    """The mean of all that is wanted, of length 1; of what kind; how high a picture may score.

    `unknown` are the texts that the model hardly knows.
    """

    kind: Kind
    vector: Vectors
    reach: float = 1.0
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Unwanted:
    """Texts that moments should not show: (n, dim), and how high a picture of each may score."""

    vectors: Vectors
    reach: Vectors
    unknown: tuple[str, ...]

    def is_shown(self, near: Neighbour, background: Background) -> bool:
        """Return whether a frame surely shows it, whatever confidence is asked for."""
        likeness = self.vectors @ np.asarray(near.vector, np.float32) / self.reach
        return background.confidence("text", float(likeness.max())) >= THRESHOLD


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
        self._collection, self._settings = collection, settings
        self._sides = sides or ModelSides(settings)
        folder = settings.work.data_dir / "search"
        self._background = CurrentBackground(collection, self._sides, folder)
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
        wanted = self._wanted(question)
        unwanted = self._unwanted(question)

        def fits(moment: Candidate) -> bool:
            score = moment.best.score
            return background.confidence(wanted.kind, score, wanted.reach) >= threshold

        def shows_unwanted(moment: Candidate) -> bool:
            return unwanted is not None and unwanted.is_shown(moment.best, background)

        ranked = Ranking()
        enough = question.offset + question.limit
        while not ranked.ended and len(ranked.order) < enough:
            found, complete = self._candidates(question, wanted.vector, unwanted, ranked.room)
            ranked.add([one for one in found if not shows_unwanted(one)], fits, complete)
        chosen = ranked.order[question.offset : enough]
        by_score = [
            moment
            for one in batches(chosen, page or max(1, len(chosen)))
            for moment in sorted(one, key=lambda moment: -moment.best.score)
        ]
        moments = tuple(self._moment(moment, wanted, background) for moment in by_score)
        known = len(ranked.order) if ranked.fits else 0
        return Answer(
            fits=ranked.fits,
            moments=moments if ranked.fits else (),
            nearest=() if ranked.fits else moments,
            total=known if ranked.ended or not ranked.fits else None,
            more=not ranked.ended or len(ranked.order) > enough,
            model=self.model,
            threshold=threshold,
            undated=self._leaves_out_undated(question, wanted.vector),
            unknown=(*wanted.unknown, *(unwanted.unknown if unwanted else ())),
            excluded_by=() if ranked.order else self._excluding(question, wanted.vector),
        )

    def frames(self, question: Question) -> list[Found]:
        """Return the nearest frames one by one, whether they fit or not.

        Raises:
            ConfigurationError: as `answer` does.
        """
        towards = self._wanted(question).vector
        if unwanted := self._unwanted(question):
            towards = _away_from(towards, unwanted)
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
        vectors = self._sides.texts().embed_texts([one.text for one in sought])
        reach = self._sides.reach(vectors).tolist()
        found = found_among(sought, vectors, reach, frames, background)
        wanted = [_Wanted("text", *of_text) for of_text in zip(vectors, reach, strict=True)]
        return [
            tuple(self._moment(moment, own, background) for moment in moments)
            for own, moments in zip(wanted, found, strict=True)
        ]

    def unknown(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return those of the texts that the model hardly knows."""
        return self._unknown(texts, self._sides.texts().embed_texts(texts))

    def vectors(
        self, frames: Sequence[tuple[str, str, int]]
    ) -> dict[tuple[str, str, int], Vectors]:
        """Return the vectors of frames, by platform, code and number; of those that are there."""
        ids = {point_id(*frame): frame for frame in frames}
        return {ids[point]: vector for point, vector in self._collection.vectors(list(ids)).items()}

    def _candidates(
        self, question: Question, wanted: Vectors, unwanted: _Unwanted | None, enough: int
    ) -> tuple[list[Candidate], bool]:
        """Return the moments to choose from, best first, and whether there are no others.

        Videos that have all the moments that they may are left out of a second request, where the
        first one gave fewer than `enough` moments.
        """
        towards = wanted if unwanted is None else _away_from(wanted, unwanted)
        count = _FRAMES_A_MOMENT * enough
        where = filter_of(question)
        # Of all only where frames are scored anew; else of the moments that come of them.
        vectors = bool(question.without)
        frames = self._near(towards, count, where, vectors=vectors)
        complete = len(frames) < count
        found = self._moments(question, wanted, frames)
        if len(found) < enough and not complete:
            seen = tuple(sorted({moment.video for moment in grouped(frames)}))
            more = self._near(towards, count, _without(where, seen), vectors=vectors)
            complete = question.per_video > 0 and len(more) < count
            found = self._moments(question, wanted, [*frames, *more])
        return found, complete

    def _leaves_out_undated(self, question: Question, wanted: Vectors) -> bool:
        """Return whether a question about dates passes over frames that have none."""
        if question.after is None and question.before is None:
            return False
        where = replace(filter_of(question), after=None, before=None, undated=True)
        return bool(self._collection.nearest(wanted.tolist(), 1, where=where))

    def _excluding(self, question: Question, wanted: Vectors) -> tuple[str, ...]:
        """Return which filters leave out every frame: each alone, or all of them together."""

        def none_passes(*names: str) -> bool:
            where = filter_of(with_filters(question, *names))
            return not self._near(wanted, 1, where, vectors=False)

        given = filters_of(question)
        if not given or not none_passes(*given):
            return ()
        return tuple([name for name in given if none_passes(name)] or given)

    def _near(
        self, vector: Vectors, count: int, where: FrameFilter, *, vectors: bool
    ) -> list[Neighbour]:
        return self._collection.nearest(vector.tolist(), count, where=where, vectors=vectors)

    def _moments(
        self, question: Question, wanted: Vectors, frames: Sequence[Neighbour]
    ) -> list[Candidate]:
        if question.without:
            frames = [_rescored(frame, wanted) for frame in frames]
        found = grouped(frames)
        if asked := question.frame_asked():
            found = [moment for moment in found if not _holds(moment, asked)]
        if not question.without:
            found = self._with_vectors(found)
        return bounded(folded(found), question.per_video)

    def _with_vectors(self, moments: Sequence[Candidate]) -> list[Candidate]:
        """Return the moments with the vectors of their best frames; one just removed is left out.

        A frame's vector costs as much as all else of it, and a moment has several frames.
        """
        known = self._collection.vectors([moment.best.id for moment in moments])
        found: list[Candidate] = []
        for moment in moments:
            best, *others = moment.frames
            if best.id in known:
                best = Neighbour(best.frame, best.score, known[best.id], best.id)
                found.append(Candidate(moment.start, moment.end, (best, *others), moment.folded))
        return found

    def _wanted(self, question: Question) -> _Wanted:
        rows: list[Vectors] = []
        unknown: tuple[str, ...] = ()
        if question.texts:
            words = self._sides.texts().embed_texts(question.texts)
            unknown = self._unknown(question.texts, words)
            rows.extend(words)
        if question.image is not None:
            rows.extend(self._sides.pictures().embed_images([decoded(question.image)]))
        if asked := question.frame_asked():
            rows.append(self._vector_of(*asked))
        vector = normalized(np.mean(rows, axis=0)[None])[0]
        if len(rows) == len(question.texts):
            return _Wanted("text", vector, float(self._sides.reach(vector[None])[0]), unknown)
        return _Wanted("mixed" if question.texts else "picture", vector, unknown=unknown)

    def _unwanted(self, question: Question) -> _Unwanted | None:
        if not question.without:
            return None
        vectors = self._sides.texts().embed_texts(question.without)
        unknown = self._unknown(question.without, vectors)
        return _Unwanted(vectors, self._sides.reach(vectors), unknown)

    def _unknown(self, texts: Sequence[str], vectors: Vectors) -> tuple[str, ...]:
        known = self._sides.known(vectors)
        return tuple(text for text, is_known in zip(texts, known, strict=True) if not is_known)

    def _vector_of(self, platform: str, code: str, number: int) -> Vectors:
        frame = (platform, code, number)
        found = self.vectors([frame])
        if not found:
            raise ConfigurationError(
                f"frame {platform}/{code}/{number} is not in the collection; oriane show "
                f"{platform}/{code} lists those that are"
            )
        return found[frame]

    def _moment(self, moment: Candidate, wanted: _Wanted, background: Background) -> Moment:
        best = moment.best
        confidence = background.confidence(wanted.kind, best.score, wanted.reach)
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


def _away_from(wanted: Vectors, unwanted: _Unwanted) -> Vectors:
    away: Vectors = normalized((wanted - _MINUS * unwanted.vectors.mean(axis=0))[None])[0]
    return away


def _without(where: FrameFilter, videos: tuple[tuple[str, str], ...]) -> FrameFilter:
    return replace(where, without_videos=videos)


def _rescored(near: Neighbour, wanted: Vectors) -> Neighbour:
    """Return the frame with its likeness to what is wanted, whatever it was found by."""
    score = round(float(np.dot(np.asarray(near.vector, np.float32), wanted)), 4)
    return replace(near, score=score)


def _name(frame: StoredFrame) -> str:
    return f"{frame.platform}/{frame.code}/{frame.frame_number}"


def _holds(moment: Candidate, asked: tuple[str, str, int]) -> bool:
    frames = (near.frame for near in moment.frames)
    return asked in ((one.platform, one.code, one.frame_number) for one in frames)
