"""The moments among which an answer chooses: frames near a question, in one or two requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from components.stores.vectors.frame_filter import FrameFilter
from components.stores.vectors.store import Collection, Neighbour
from workflows.search.folding import folded
from workflows.search.moments import Candidate, bounded, grouped
from workflows.search.narrowing import filter_of, filters_of, with_filters
from workflows.search.question import Question
from workflows.search.question_vectors import UnwantedVectors

if TYPE_CHECKING:
    from components.base.vectors import Vectors

# Frames asked for: enough for the moments wanted, as several frames make one.
_FRAMES_A_MOMENT = 6


class Candidates:
    """Finds moments in a collection; safe to share between threads.

    Every method raises TransientError where the store does not answer.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def near(
        self, question: Question, wanted: Vectors, unwanted: UnwantedVectors | None, enough: int
    ) -> tuple[list[Candidate], bool]:
        """Return the moments to choose from, best first, and whether there are no others.

        Videos that have all the moments that they may are left out of a second request, where the
        first one gave fewer than `enough` moments.
        """
        towards = wanted if unwanted is None else unwanted.away_from(wanted)
        count = _FRAMES_A_MOMENT * enough
        where = filter_of(question)
        # Of all only where frames are scored anew; else of the moments that come of them.
        vectors = bool(question.without)
        frames = self._near(towards, count, where, vectors=vectors)
        complete = len(frames) < count
        found = self._moments(question, wanted, frames)
        if len(found) < enough and not complete:
            seen = tuple(sorted({moment.video for moment in grouped(frames)}))
            others = replace(where, without_videos=seen)
            more = self._near(towards, count, others, vectors=vectors)
            complete = question.per_video > 0 and len(more) < count
            found = self._moments(question, wanted, [*frames, *more])
        return found, complete

    def leaves_out_undated(self, question: Question, wanted: Vectors) -> bool:
        """Return whether a question about dates passes over frames that have none."""
        if question.after is None and question.before is None:
            return False
        where = replace(filter_of(question), after=None, before=None, undated=True)
        return bool(self._near(wanted, 1, where, vectors=False))

    def excluding(self, question: Question, wanted: Vectors) -> tuple[str, ...]:
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


def _rescored(near: Neighbour, wanted: Vectors) -> Neighbour:
    """Return the frame with its likeness to what is wanted, whatever it was found by."""
    score = round(float(np.dot(np.asarray(near.vector, np.float32), wanted)), 4)
    return replace(near, score=score)


def _holds(moment: Candidate, asked: tuple[str, str, int]) -> bool:
    frames = (near.frame for near in moment.frames)
    return asked in ((one.platform, one.code, one.frame_number) for one in frames)
