"""The rows of an export, a frame or a moment each, with names that need no knowledge of stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from components.errors import ConfigurationError
from components.settings import Settings
from components.stores.vectors.open import open_store
from components.stores.vectors.store import StoredFrame
from workflows.local.first_run import require_collection
from workflows.local.stand_ins import frame_location
from workflows.search.answer import Answer, Found
from workflows.search.ask import Asker, asking
from workflows.search.question import Question

Row = dict[str, Any]


@dataclass(frozen=True)
class ExportedFrame(StoredFrame):
    """A frame, with where it can be opened, and its score where a search found it."""

    location: str = ""
    score: float | None = None

    def row(self, *, vectors: bool) -> Row:
        """Return the columns by name; those that do not apply are left out."""
        row = asdict(self)
        del row["dhash"]
        if not vectors:
            del row["vector"]
        if self.score is None:
            del row["score"]
        return row


def all_frames(
    settings: Settings, platform: str, code: str, *, vectors: bool
) -> Iterator[ExportedFrame]:
    """Yield every frame of the collection, or of a platform or video.

    Raises:
        ConfigurationError: there is no collection.
        TransientError: the store does not answer, or the first run has indexed nothing yet.
    """
    with closing(open_store(settings.index)) as store:
        require_collection(store.collection(), settings)
        for frame in store.collection().frames(platform, code, vectors=vectors):
            location = frame_location(settings, frame.path)
            yield ExportedFrame(**vars(frame), location=location)


def nearest_frames(
    settings: Settings, question: Question, *, vectors: bool
) -> Iterator[ExportedFrame]:
    """Yield the frames that come nearest, best first, whether they fit or not.

    Raises:
        PipelineError: as a search does.
    """
    with asking(settings) as asker:
        yield from _exported(asker, asker.frames(question), vectors=vectors)


def moment_rows(settings: Settings, question: Question, *, vectors: bool) -> Iterator[Row]:
    """Yield a row a moment that fits, best first: its best frame, and the moment around it.

    `moment_start` and `moment_end` are in seconds, `same` names the frames of moments that look the
    same and are left out.

    Raises:
        ConfigurationError: nothing fits.
        PipelineError: as a search does.
    """
    with asking(settings) as asker:
        answer = asker.answer(question)
        _require_fit(question, answer)
        best = [moment.best for moment in answer.moments]
        frames = list(_exported(asker, best, vectors=vectors))
    for moment, frame in zip(answer.moments, frames, strict=True):
        yield {
            **frame.row(vectors=vectors),
            "confidence": moment.confidence,
            "moment_start": moment.start,
            "moment_end": moment.end,
            "same": " ".join(moment.folded),
        }


def _exported(asker: Asker, hits: list[Found], *, vectors: bool) -> Iterator[ExportedFrame]:
    names = [(hit.platform, hit.code, hit.frame_number) for hit in hits]
    embedded = asker.vectors(names) if vectors else {}
    for hit, name in zip(hits, names, strict=True):
        vector = embedded.get(name)
        yield ExportedFrame(
            platform=hit.platform,
            code=hit.code,
            frame_number=hit.frame_number,
            second=hit.second,
            scene_start=hit.scene_start,
            scene_end=hit.scene_end,
            path=hit.path,
            model=asker.model,
            vector=None if vector is None else vector.tolist(),
            location=hit.location,
            score=hit.score,
        )


def _require_fit(question: Question, answer: Answer) -> None:
    if not answer.fits and answer.nearest:
        raise ConfigurationError(
            f"nothing fits “{', '.join(question.texts)}”: no moment reaches a confidence of "
            f"{answer.threshold:g}; --confidence 0 exports the nearest"
        )


def require_rows(count: int, settings: Settings) -> None:
    """Refuse to take an empty table for a result.

    Raises:
        ConfigurationError: there is no row.
    """
    if not count:
        raise ConfigurationError(
            f"no frame of collection {settings.index.collection!r} is of this platform and video; "
            "`oriane status` shows what there is"
        )
