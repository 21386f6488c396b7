"""Asks the collection what a search of the page asks for."""

from __future__ import annotations

from collections.abc import Iterable

from workflows.search.query import Found
from workflows.serve.page.address import Search
from workflows.serve.page.material import Answer, Moment
from workflows.serve.page.pictures import KeptPictures
from workflows.serve.pictures import searched_by
from workflows.serve.served import Served

PAGE = 24
_FRAMES = 200


def answer(served: Served, pictures: KeptPictures, search: Search) -> Answer:
    """Return the moments of a page of a search.

    Raises:
        PipelineError: as a search does.
        RefusedError: it names a picture or a frame that is not there.
    """
    threshold = (search.confidence or 0.0) / 100
    moments = [one for one in _moments(_found(served, pictures, search)) if _within(one, search)]
    fitting = [one for one in moments if one.confidence >= threshold]
    if not fitting:
        return Answer(moments[:PAGE], fits=False, threshold=threshold)
    first = (search.page - 1) * PAGE
    page = fitting[first : first + PAGE]
    return Answer(page, fits=True, more=len(fitting) > first + PAGE, threshold=threshold)


def _found(served: Served, pictures: KeptPictures, search: Search) -> list[Found]:
    platform, _, code = search.video.partition("/")
    platform = platform or search.platform
    if search.like:
        place, code_of_it, number = search.like.split("/")
        return served.searching.like(place, code_of_it, int(number), _FRAMES)
    if search.picture:
        return searched_by(served, pictures.get(search.picture), _FRAMES, platform, code)
    return served.searching.by_text(" ".join(search.texts), _FRAMES, platform, code)


def _within(moment: Moment, search: Search) -> bool:
    first, last = search.first or 0.0, search.last
    return moment.second >= first and (last is None or moment.second <= last)


def _moments(found: Iterable[Found]) -> list[Moment]:
    """Return the scenes of the frames, best first."""
    scenes: dict[tuple[str, str, float], list[Found]] = {}
    for hit in found:
        scenes.setdefault((hit.platform, hit.code, hit.scene_start), []).append(hit)
    return [
        Moment(
            platform=hits[0].platform,
            code=hits[0].code,
            start=hits[0].scene_start,
            end=hits[0].scene_end,
            second=hits[0].second,
            number=hits[0].frame_number,
            score=hits[0].score,
            confidence=max(0.0, min(1.0, hits[0].score)),
            frames=tuple(sorted(hit.frame_number for hit in hits)),
        )
        for hits in scenes.values()
    ]
