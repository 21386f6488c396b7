"""Answers questions: from texts, pictures and frames to moments, in one or two requests."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np

from components.base.model_names import identity
from components.base.side_by_side import batches
from components.encoders.encoder import normalized
from components.errors import ConfigurationError
from components.records.frame_names import point_id
from components.settings import Settings
from components.stores.vectors.frame_filter import FrameFilter
from components.stores.vectors.open import open_store
from components.stores.vectors.store import Collection, Hit, Neighbour
from workflows.local.indexed_model import with_model_of
from workflows.local.stand_ins import frame_location
from workflows.search.answer import Answer, Moment
from workflows.search.background import KeptBackgrounds, take
from workflows.search.calibration import THRESHOLD, Background, Kind
from workflows.search.folding import folded
from workflows.search.moments import Candidate, bounded, grouped
from workflows.search.query import Found
from workflows.search.question import Question
from workflows.search.ranking import Ranking

if TYPE_CHECKING:
    from PIL import Image

    from components.base.vectors import Vectors
    from components.encoders.encoder import Encoder, TextEncoder

# What is not wanted counts half as much as what is (Rocchio 1971 weighs it less as well).
_MINUS = 0.5
# Frames asked for: enough for the moments wanted, as several frames make one.
_FRAMES_A_MOMENT = 6
_LOOK_AGAIN_S = 60.0
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
        hits = [near.hit for near in moment.frames]
        if self.platform not in (None, hits[0].platform):
            return False
        ids = (point_id(hit.platform, hit.code, hit.frame_number) for hit in hits)
        return self.known.isdisjoint(ids)


class Asker:
    """Answers questions about a collection with its own model; safe to share between threads."""

    def __init__(self, collection: Collection, settings: Settings) -> None:
        self._collection, self._settings = collection, settings
        self._backgrounds = KeptBackgrounds(settings.work.data_dir / "search")
        self._lock = threading.RLock()
        self._text_side: TextEncoder | None = None
        self._picture_side: Encoder | None = None
        self._background: Background | None = None
        self._looked_at = 0.0

    @property
    def model(self) -> str:
        """The identity of the collection's model."""
        return identity(self._settings.embed.model)

    def warm(self, *, pictures: bool = True) -> None:
        """Load the model and the background, so that no question waits for them."""
        self._texts()
        self._calibrated()
        if pictures:
            self._pictures()

    def answer(self, question: Question) -> Answer:
        """Return the moments that fit, or those that come closest and that nothing fits.

        Raises:
            ConfigurationError: the picture is not one, or the frame asked for is not there.
            TransientError: the store does not answer.
        """
        background = self._calibrated()
        threshold = THRESHOLD if question.confidence is None else question.confidence
        kind, wanted = self._wanted(question)
        unwanted = self._texts().embed_texts(question.without) if question.without else None

        def fits(moment: Candidate) -> bool:
            return background.confidence(kind, moment.best.hit.score) >= threshold

        def shows_unwanted(moment: Candidate) -> bool:
            return unwanted is not None and _shows(moment.best, unwanted, background)

        ranked = Ranking()
        enough = question.offset + question.limit
        while not ranked.ended and len(ranked.order) < enough:
            found, complete = self._candidates(question, wanted, unwanted, ranked.room)
            ranked.add([one for one in found if not shows_unwanted(one)], fits, complete)
        chosen = ranked.order[question.offset : enough]
        by_score = sorted(chosen, key=lambda moment: -moment.best.hit.score)
        moments = tuple(self._moment(moment, kind, background) for moment in by_score)
        known = len(ranked.order) if ranked.fits else 0
        return Answer(
            fits=ranked.fits,
            moments=moments if ranked.fits else (),
            nearest=() if ranked.fits else moments,
            total=known if ranked.ended or not ranked.fits else None,
            more=not ranked.ended or len(ranked.order) > enough,
            model=self.model,
            threshold=threshold,
            undated=self._leaves_out_undated(question, wanted),
        )

    def frames(self, question: Question) -> list[Found]:
        """Return the nearest frames one by one, whether they fit or not.

        Raises:
            ConfigurationError: as `answer` does.
        """
        _, wanted = self._wanted(question)
        if question.without:
            wanted = _away_from(wanted, self._texts().embed_texts(question.without))
        near = self._collection.nearest(
            wanted.tolist(), question.offset + question.limit, where=filter_of(question)
        )
        return [self._found(one.hit) for one in near[question.offset :]]

    def among(
        self, sought: Sequence[Sought], frames: Iterable[Neighbour]
    ) -> list[tuple[Moment, ...]]:
        """Return for each text all moments that fit, best first, of these frames alone.

        Args:
            frames: With their vectors; their scores are not looked at.
        """
        background = self._calibrated()
        wanted = self._texts().embed_texts([one.text for one in sought])
        kept: list[list[Neighbour]] = [[] for _ in sought]
        for batch in batches(frames, _FRAMES_AT_ONCE):
            scores = np.asarray([near.vector for near in batch], np.float32) @ wanted.T
            for near, row in zip(batch, scores.tolist(), strict=True):
                for one, own, score in zip(sought, kept, row, strict=True):
                    if background.confidence("text", score) >= one.confidence:
                        hit = near.hit.model_copy(update={"score": round(score, 4)})
                        own.append(replace(near, hit=hit))
        found: list[tuple[Moment, ...]] = []
        for one, own in zip(sought, kept, strict=True):
            moments = [moment for moment in grouped(own) if one.counts(moment)]
            # Each is compared with all before it; who wants thousands, gets the rest as they are.
            rest = moments[_MOST_FOLDED:]
            moments = [*folded(moments[:_MOST_FOLDED]), *rest]
            found.append(tuple(self._moment(each, "text", background) for each in moments))
        return found

    def _candidates(
        self, question: Question, wanted: Vectors, unwanted: Vectors | None, enough: int
    ) -> tuple[list[Candidate], bool]:
        """Return the moments to choose from, best first, and whether there are no others.

        Videos that have all the moments that they may are left out of a second request, where the
        first one gave fewer than `enough` moments.
        """
        towards = wanted if unwanted is None else _away_from(wanted, unwanted)
        count = _FRAMES_A_MOMENT * enough
        where = filter_of(question)
        frames = self._near(towards, count, where)
        complete = len(frames) < count
        found = self._moments(question, wanted, frames)
        if len(found) < enough and not complete:
            seen = tuple(sorted({moment.video for moment in grouped(frames)}))
            more = self._near(towards, count, _without(where, seen))
            complete = question.per_video > 0 and len(more) < count
            found = self._moments(question, wanted, [*frames, *more])
        return found, complete

    def _leaves_out_undated(self, question: Question, wanted: Vectors) -> bool:
        """Return whether a question about dates passes over frames that have none."""
        if question.after is None and question.before is None:
            return False
        where = replace(filter_of(question), after=None, before=None, undated=True)
        return bool(self._collection.nearest(wanted.tolist(), 1, where=where))

    def _near(self, vector: Vectors, count: int, where: FrameFilter) -> list[Neighbour]:
        return self._collection.nearest(vector.tolist(), count, where=where, vectors=True)

    def _moments(
        self, question: Question, wanted: Vectors, frames: Sequence[Neighbour]
    ) -> list[Candidate]:
        if question.without:
            frames = [_rescored(frame, wanted) for frame in frames]
        found = grouped(frames)
        if asked := question.frame_asked():
            found = [moment for moment in found if not _holds(moment, asked)]
        return bounded(folded(found), question.per_video)

    def _wanted(self, question: Question) -> tuple[Kind, Vectors]:
        """Return what kind of question it is, and the mean of all that is wanted, of length 1."""
        rows: list[Vectors] = []
        if question.texts:
            rows.extend(self._texts().embed_texts(question.texts))
        if question.image is not None:
            rows.extend(self._pictures().embed_images([decoded(question.image)]))
        if asked := question.frame_asked():
            rows.append(self._vector_of(*asked))
        kind: Kind = "text" if len(rows) == len(question.texts) else "picture"
        if question.texts and kind == "picture":
            kind = "mixed"
        return kind, normalized(np.mean(rows, axis=0)[None])[0]

    def _vector_of(self, platform: str, code: str, number: int) -> Vectors:
        point = point_id(platform, code, number)
        found = self._collection.vectors([point])
        if point not in found:
            raise ConfigurationError(
                f"frame {platform}/{code}/{number} is not in the collection; oriane show "
                f"{platform}/{code} lists those that are"
            )
        return np.asarray(found[point], np.float32)

    def _moment(self, moment: Candidate, kind: Kind, background: Background) -> Moment:
        best = moment.best.hit
        in_time = sorted((frame.hit for frame in moment.frames), key=lambda hit: hit.frame_number)
        return Moment(
            platform=best.platform,
            code=best.code,
            start=moment.start,
            end=moment.end,
            best=self._found(best),
            score=best.score,
            confidence=round(background.confidence(kind, best.score), 4),
            frames=tuple(map(self._found, in_time)),
            folded=tuple(f"{hit.platform}/{hit.code}/{hit.frame_number}" for hit in moment.folded),
        )

    def _found(self, hit: Hit) -> Found:
        return Found(**dict(hit), location=frame_location(self._settings, hit.path))

    def _texts(self) -> TextEncoder:
        with self._lock:
            if self._text_side is None:
                from components.encoders.load import load_text_encoder

                self._text_side = load_text_encoder(self._settings.embed)
            return self._text_side

    def _pictures(self) -> Encoder:
        with self._lock:
            if self._picture_side is None:
                from components.encoders.load import load_encoder

                self._picture_side = load_encoder(self._settings.embed)
            return self._picture_side

    def _calibrated(self) -> Background:
        """Return the background, taken anew where the collection has grown by much."""
        known = self._background
        if known is not None and time.monotonic() < self._looked_at + _LOOK_AGAIN_S:
            return known
        with self._lock:
            if self._background is not known:
                return self._calibrated()
            points, name = self._collection.count(), self._collection.name
            found = known or self._backgrounds.read(name)
            if found is None or not found.is_of(self.model, name, points):
                found = take(self._collection, self.model, self._texts())
                self._backgrounds.keep(found)
            self._background, self._looked_at = found, time.monotonic()
            return found


@contextmanager
def asking(settings: Settings) -> Iterator[Asker]:
    """Give what answers questions about the collection that the settings name.

    The model is always the collection's own; of CLIP_MODEL only a folder matters that holds it.

    Raises:
        ConfigurationError: there is no collection, or its model is a folder that CLIP_MODEL does
            not name.
        TransientError: the store does not answer.
    """
    with closing(open_store(settings.index)) as store:
        collection = store.collection()
        indexed = collection.model()
        if indexed is None:
            collection.require()
        else:
            settings = with_model_of(settings, indexed, collection.dim)
        yield Asker(collection, settings)


def filter_of(question: Question) -> FrameFilter:
    """Return which frames a question is about."""
    platform, code = question.platform, question.video
    if code is not None and "/" in code:
        platform, _, code = code.partition("/")
    return FrameFilter(
        platform=platform,
        code=code,
        after=_instant(question.after),
        before=_instant(question.before),
        min_duration=question.min_duration,
        max_duration=question.max_duration,
        from_second=question.from_second,
        to_second=question.to_second,
        cropped=question.cropped,
    )


def with_plain_picture(question: Question, settings: Settings) -> Question:
    """Return the question with its picture, if any, as a plain one that is safe to decode here.

    Raises:
        ConfigurationError: it is not a picture, or too large a one.
    """
    if question.image is None:
        return question
    from workflows.search.pictures import plain_picture_of_command

    plain = plain_picture_of_command(settings, question.image)
    return question.model_copy(update={"image": plain})


def decoded(content: bytes) -> Image.Image:
    """Return the picture in the bytes of a file.

    Raises:
        ConfigurationError: there is none.
    """
    from PIL import Image

    from workflows.search.pictures import FORMATS

    try:
        return Image.open(io.BytesIO(content), formats=FORMATS).convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise ConfigurationError(f"image: expected a picture ({error})") from error


def _away_from(wanted: Vectors, unwanted: Vectors) -> Vectors:
    away: Vectors = normalized((wanted - _MINUS * unwanted.mean(axis=0))[None])[0]
    return away


def _instant(given: datetime | date | None) -> datetime | None:
    if given is None:
        return None
    if not isinstance(given, datetime):
        return datetime(given.year, given.month, given.day, tzinfo=UTC)
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def _without(where: FrameFilter, videos: tuple[tuple[str, str], ...]) -> FrameFilter:
    return replace(where, without_videos=videos)


def _rescored(near: Neighbour, wanted: Vectors) -> Neighbour:
    """Return the frame with its likeness to what is wanted, whatever it was found by."""
    score = round(float(np.dot(np.asarray(near.vector, np.float32), wanted)), 4)
    return replace(near, hit=near.hit.model_copy(update={"score": score}))


def _holds(moment: Candidate, asked: tuple[str, str, int]) -> bool:
    frames = (near.hit for near in moment.frames)
    return asked in ((hit.platform, hit.code, hit.frame_number) for hit in frames)


def _shows(near: Neighbour, unwanted: Vectors, background: Background) -> bool:
    """Return whether a frame surely shows what is not wanted, whatever confidence is asked for."""
    likeness = float(np.max(unwanted @ np.asarray(near.vector, np.float32)))
    return background.confidence("text", likeness) >= THRESHOLD
