"""Asks the collection what a search of the page asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from workflows.search import answer as answers
from workflows.search.question import Question
from workflows.serve.page.address import Search
from workflows.serve.page.material import Answer, Moment, likeness
from workflows.serve.page.pictures import KeptPictures
from workflows.serve.served import Served

PAGE = 24
# What a question's filters are called in a search.
_FILTERS = {
    "platform": "platform",
    "video": "video",
    "after": "since",
    "before": "until",
    "min_duration": "longer",
    "max_duration": "shorter",
    "from_second": "first",
    "to_second": "last",
    "cropped": "cropped",
}
# Of one video on its time line.
MOST_OF_A_VIDEO = 200


class Asking:
    """Answers the page's searches.

    Methods raise PipelineError as a question does, and RefusedError, 404, for a picture that is
    not kept any more.
    """

    def __init__(self, pictures: KeptPictures) -> None:
        self._pictures = pictures

    def answer(self, served: Served, search: Search, *, alone: bool = False) -> Answer:
        """Return the moments of a search up to its page, or of that page alone."""
        first = (search.page - 1) * PAGE if alone else 0
        found = self._ask(served, search, first, search.page * PAGE - first)
        return Answer(
            moments=_moments(found.moments or found.nearest),
            fits=found.fits,
            more=found.fits and found.more,
            threshold=found.threshold,
            undated=found.undated,
            unknown=found.unknown,
            excluded_by=[search.in_words(_FILTERS[name]) for name in found.excluded_by],
        )

    def of_video(self, served: Served, search: Search, video: str) -> list[Moment]:
        """Return the moments of one video in order of time."""
        of_it = search.having(video=video, platform="", per_video=0)
        found = self._ask(served, of_it, 0, MOST_OF_A_VIDEO)
        return sorted(_moments(found.moments or found.nearest), key=lambda one: one.second)

    def _ask(self, served: Served, search: Search, offset: int, limit: int) -> answers.Answer:
        """Return the answer to a search from the moment at `offset` on."""
        given = {} if search.per_video is None else {"per_video": search.per_video}
        if search.video and search.per_video is None:
            given = {"per_video": 0}
        question = Question(
            texts=search.texts,
            without=search.without,
            image=self._pictures.get(search.picture) if search.picture else None,
            like=search.like or None,
            platform=search.platform or None,
            video=search.video or None,
            after=search.since,
            before=search.until + timedelta(days=1) if search.until else None,
            min_duration=search.longer,
            max_duration=search.shorter,
            from_second=search.first,
            to_second=search.last,
            cropped={"yes": True, "no": False}.get(search.cropped),
            confidence=None if search.confidence is None else search.confidence / 100,
            limit=limit,
            offset=offset,
            **given,
        )
        return served.searching.answer(question, PAGE)


def _moments(found: Sequence[answers.Moment]) -> list[Moment]:
    return [
        Moment(
            platform=one.platform,
            code=one.code,
            start=one.start,
            end=one.end,
            second=one.best.second,
            number=one.best.frame_number,
            score=one.score,
            confidence=one.confidence,
            frames=tuple(frame.frame_number for frame in one.frames),
            alike=tuple(map(likeness, one.folded)),
        )
        for one in found
    ]
