"""The search with its answer, the moment that plays, and its exports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from components.errors import ConfigurationError
from components.records.booking import Wanted
from workflows.local.first_run import NothingIndexedError
from workflows.serve.page import export
from workflows.serve.page.address import MOST_PAGES, Search, read_search
from workflows.serve.page.asking import Asking
from workflows.serve.page.material import Answer, Moment
from workflows.serve.page.problems import sentences
from workflows.serve.page.rendering import page
from workflows.serve.page.time_line import Placed, TimeLine
from workflows.serve.page.videos import duration_of
from workflows.serve.page.watches import new_moments
from workflows.serve.refusals import RETRY_AFTER_S, RefusedError
from workflows.serve.report import LibraryVideo, ListedVideo
from workflows.serve.served import Served

_SHOWN_AT_START = 12
# Of fields that have another name in the address.
_LABELS = {"q": "Text", "not": "without", "from": "from second", "to": "to second"}


@dataclass(frozen=True)
class _Player:
    """A video that plays, with the moments of it that a search found."""

    video: LibraryVideo
    second: float
    number: int
    moments: list[Moment]
    line: TimeLine

    @property
    def spans(self) -> list[Placed[Moment]]:
        return self.line.spans((one, one.start, one.end) for one in self.moments)


@dataclass(frozen=True)
class _Found:
    """What a search came to, or why it was refused; 409 and 503 where nothing is indexed yet."""

    answer: Answer | None = None
    player: _Player | None = None
    refused: str = ""
    status: int = 400


class Results:
    """What is shown of searches."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def search(self, served: Served, request: Request) -> Response:
        """Show the search, its answer, and the moment that plays; or a part of these alone."""
        try:
            search, refused = read_search(request.query_params.multi_items()), ""
        except ConfigurationError as error:
            search, refused = _as_far_as_read(request), _by_label(error)
        if search.sets_only_bounds and not refused:
            refused = "Type what the moment shows, or give a picture: filters alone find nothing"
        part = request.query_params.get("part")
        found = _Found(refused=refused) if refused else self._found(served, search, part)
        values: dict[str, Any] = {
            "search": search,
            "refused": found.refused,
            "is_empty": found.status in (409, 503),
            "answer": found.answer,
            "player": found.player,
            "kinds": export.kinds(),
            "most_pages": MOST_PAGES,
            "picture_bytes": served.rules.body_bytes,
        }
        if part == "player" and (found.player or found.refused):
            return page(request, "player_part.html", found.status, **values)
        if part == "moments" and (found.answer or found.refused):
            return page(request, "moments_part.html", found.status, **values)
        start = not search.asks and not found.refused
        values["is_start"] = start
        values["counts"] = served.listing.counts() if start else None
        values["new"] = new_moments(served) if start else ()
        values["videos"] = _newest(served) if start else ()
        values["last"] = served.library.last_run() if start or values["is_empty"] else None
        response = page(request, "search.html", found.status, **values)
        if found.status == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response

    def _found(self, served: Served, search: Search, part: str | None) -> _Found:
        """Return what there is to show of a search that can be read, or of a part of it alone."""
        answer, player = None, None
        try:
            if search.asks and part != "player":
                answer = self._asking.answer(served, search, alone=part == "moments")
            if search.opened:
                player = self._player(served, search)
        except RefusedError as error:
            # Of what the address names; a store that does not answer has a page of its own.
            refused = sentences(error.refusal.error, error.refusal.remedy)
            return _Found(answer, refused=refused)
        except NothingIndexedError:
            return _Found(status=503)
        except ConfigurationError as error:
            if not served.services.collection.exists():
                return _Found(status=409)
            return _Found(answer, refused=str(error))
        return _Found(answer, player, status=200)

    def export(self, served: Served, request: Request) -> Response:
        """Return what a search shows as a file: all moments up to its page."""
        search = read(request)
        if not search.asks:
            raise RefusedError(400, "q: expected a text, a picture or a frame to search by")
        moments = self._asking.answer(served, search).moments
        kind = request.path_params["kind"]
        try:
            content, media_type = export.written(moments, kind)
        except ConfigurationError as error:
            raise RefusedError(400, str(error)) from error
        headers = {"Content-Disposition": f'attachment; filename="moments.{kind}"'}
        return Response(content, media_type=media_type, headers=headers)

    def _player(self, served: Served, search: Search) -> _Player:
        video, _, number = search.opened.rpartition("/")
        platform, _, code = video.partition("/")
        shown = served.library.video(platform, code)
        moments: list[Moment] = []
        if search.asks:
            moments = self._asking.of_video(served, search, video)
        seconds = {frame.number: frame.second for frame in shown.frames}
        seconds |= {one.number: one.second for one in moments}
        second = seconds.get(int(number), 0.0)
        return _Player(shown, second, int(number), moments, TimeLine(duration_of(shown)))


def _newest(served: Served) -> Sequence[ListedVideo]:
    return served.listing.newest_or_by_name(Wanted(state="done"), limit=_SHOWN_AT_START).videos


def _by_label(error: ConfigurationError) -> str:
    """Return what is wrong with an address, by what its field is called on the page."""
    name, colon, told = str(error).partition(": ")
    return f"{_LABELS.get(name, name)}{colon}{told}"


def _as_far_as_read(request: Request) -> Search:
    """Return the texts of a search that is refused, so that nobody has to type them again."""
    texts = [text[:500] for text in request.query_params.getlist("q") if text.strip()]
    return Search(texts=tuple(texts[:8]))


def read(request: Request) -> Search:
    """Return the search in the address.

    Raises:
        RefusedError: 400, it holds what cannot be read.
    """
    try:
        return read_search(request.query_params.multi_items())
    except ConfigurationError as error:
        raise RefusedError(400, str(error)) from error
