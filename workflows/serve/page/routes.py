"""The page's addresses, and what each shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.routing import Mount, Route

from components.errors import ConfigurationError
from workflows.local.first_run import NothingIndexedError
from workflows.operations.runs.report import PastRun
from workflows.serve.library import Library, is_place
from workflows.serve.page import export
from workflows.serve.page.address import MOST_PAGES, Search, read_search
from workflows.serve.page.asking import Asking
from workflows.serve.page.login import login_page, take_token
from workflows.serve.page.material import Answer, Moment
from workflows.serve.page.of_question import page_address
from workflows.serve.page.pictures import KeptPictures
from workflows.serve.page.problems import render_refusal, sentences
from workflows.serve.page.rendering import THEME_COOKIE, page
from workflows.serve.page.time_line import Placed, TimeLine
from workflows.serve.page.watches import new_moments, watch_list, watch_view
from workflows.serve.refusals import RETRY_AFTER_S, RefusedError
from workflows.serve.report import LibraryVideo, ListedVideo
from workflows.serve.served import Served, served

_A_YEAR_S = 365 * 86400
_SHOWN_AT_START = 12
_PRIVATE = {"Cache-Control": "private, max-age=600"}
Handler = Callable[["_Pages", Request], Response]


def add_page(app: FastAPI) -> None:
    """Add the page to the application, and have it show what the server refuses.

    Frames and videos it shows by the API's addresses.
    """
    pictures = KeptPictures()
    asking = Asking(pictures)

    def shown(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def show(request: Request) -> Response:
            pages = _Pages(served(request), asking, pictures)
            return await pages.served.work.run(handler, pages, request)

        return show

    static = StaticFiles(directory=Path(__file__).parent / "static")
    app.router.routes += [
        Route("/", shown(_Pages.search)),
        Route("/picture", _taking_pictures(pictures), methods=["POST"]),
        Route("/picture/{name}", shown(_Pages.picture)),
        Route("/cover/{platform}/{code}", shown(_Pages.cover)),
        Route("/export.{kind}", shown(_Pages.export)),
        Route("/library", shown(_Pages.library)),
        Route("/library/{platform}/{code}", shown(_Pages.video)),
        Route("/watches", shown(_Pages.watches)),
        Route("/watches/{name}", shown(_Pages.watch)),
        Route("/runs", shown(_Pages.runs)),
        Route("/runs/{run}", shown(_Pages.run)),
        Route("/theme", _choose_theme, methods=["POST"]),
        Route("/login", login_page),
        Route("/login", take_token, methods=["POST"]),
        Mount("/static", static, name="static"),
    ]
    app.state.render_refusal = render_refusal
    app.state.page_of_question = page_address


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


class _Pages:
    """What is shown of a server."""

    def __init__(self, shown: Served, asking: Asking, pictures: KeptPictures) -> None:
        self.served, self._asking, self._pictures = shown, asking, pictures
        self._library: Library = shown.library

    def search(self, request: Request) -> Response:
        """Show the search, its answer, and the moment that plays; or a part of these alone."""
        try:
            search, refused = read_search(request.query_params.multi_items()), ""
        except ConfigurationError as error:
            search, refused = _as_far_as_read(request), str(error)
        if search.sets_only_bounds and not refused:
            refused = "Type what the moment shows, or give a picture: filters alone find nothing"
        part = request.query_params.get("part")
        found = _Found(refused=refused) if refused else self._found(search, part)
        values: dict[str, Any] = {
            "search": search,
            "refused": found.refused,
            "is_empty": found.status in (409, 503),
            "answer": found.answer,
            "player": found.player,
            "kinds": export.kinds(),
            "most_pages": MOST_PAGES,
            "picture_bytes": self.served.rules.body_bytes,
        }
        if part == "player" and (found.player or found.refused):
            return page(request, "player_part.html", found.status, **values)
        if part == "moments" and (found.answer or found.refused):
            return page(request, "moments_part.html", found.status, **values)
        start = not search.asks and not found.refused
        values["is_start"] = start
        values["counts"] = self._library.counts() if start else None
        values["new"] = new_moments(self.served) if start else ()
        values["videos"] = self._some() if start else ()
        values["last"] = self._last_run() if start or values["is_empty"] else None
        response = page(request, "search.html", found.status, **values)
        if found.status == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response

    def _found(self, search: Search, part: str | None) -> _Found:
        """Return what there is to show of a search that can be read, or of a part of it alone."""
        answer, player = None, None
        try:
            if search.asks and part != "player":
                answer = self._asking.answer(self.served, search, alone=part == "moments")
            if search.opened:
                player = self._player(search)
        except RefusedError as error:
            # Of what the address names; a store that does not answer has a page of its own.
            refused = sentences(error.refusal.error, error.refusal.remedy)
            return _Found(answer, refused=refused)
        except NothingIndexedError:
            return _Found(status=503)
        except ConfigurationError as error:
            if not self.served.services.collection.exists():
                return _Found(status=409)
            return _Found(answer, refused=str(error))
        return _Found(answer, player, status=200)

    def export(self, request: Request) -> Response:
        """Return what a search shows as a file: all moments up to its page."""
        search = _read(request)
        if not search.asks:
            raise RefusedError(400, "q: expected a text, a picture or a frame to search by")
        moments = self._asking.answer(self.served, search).moments
        kind = request.path_params["kind"]
        try:
            content, media_type = export.written(moments, kind)
        except ConfigurationError as error:
            raise RefusedError(400, str(error)) from error
        headers = {"Content-Disposition": f'attachment; filename="moments.{kind}"'}
        return Response(content, media_type=media_type, headers=headers)

    def picture(self, request: Request) -> Response:
        """Return a picture that was sent."""
        content = self._pictures.get(request.path_params["name"])
        return Response(content, media_type="image/webp", headers=_PRIVATE)

    def cover(self, request: Request) -> Response:
        """Go to the frame that stands for a video: the one in its middle."""
        platform, code = request.path_params["platform"], request.path_params["code"]
        marker = self._library.marker(platform, code)
        if marker is None or not marker.frames:
            raise RefusedError(404, f"{platform}/{code} has no frames")
        number = marker.frames[len(marker.frames) // 2].number
        where = f"/api/frames/{quote(platform, safe='')}/{quote(code, safe='')}/{number}?size=320"
        return RedirectResponse(where, 307, headers=_PRIVATE)

    def library(self, request: Request) -> Response:
        """Show the videos, a page of them."""
        names = ("state", "reason", "name", "run", "order", "after")
        asked = {name: _printable(request, name) for name in names}
        # Addresses of before there was an order go on by name.
        by_name = asked["order"] == "name" or (asked["after"] and not is_place(asked["after"]))
        asked["order"] = "name" if by_name else ""
        read = self._library.videos if by_name else self._library.newest_or_by_name
        found = read(
            state=asked["state"],
            reason=asked["reason"],
            contains=asked["name"],
            run=asked["run"],
            after=asked["after"],
        )
        counts = self._library.counts()
        # Where nothing is, a run may be about to change that.
        last = None if found.videos else self._last_run()
        return page(request, "library.html", found=found, counts=counts, asked=asked, last=last)

    def video(self, request: Request) -> Response:
        """Show one video."""
        platform, code = request.path_params["platform"], request.path_params["code"]
        video = self._library.video(platform, code)
        line = TimeLine(_duration(video))
        kept = [frame for frame in video.frames if frame.kept]
        scenes = sorted({(one.scene_start or 0.0, one.scene_end or 0.0) for one in kept})
        return page(
            request,
            "video.html",
            video=video,
            second=_second(request, video),
            line=line,
            kept=kept,
            dropped=[frame for frame in video.frames if not frame.kept],
            seconds={frame.number: frame.second for frame in video.frames},
            scenes=line.spans(((start, end), start, end) for start, end in scenes),
            slowest=max((one.seconds or 0.0 for one in video.phases), default=0.0),
        )

    def watches(self, request: Request) -> Response:
        """Show the standing questions."""
        return watch_list(self.served, request)

    def watch(self, request: Request) -> Response:
        """Show one standing question."""
        return watch_view(self.served, request)

    def runs(self, request: Request) -> Response:
        """Show the runs, a page of them."""
        after = _printable(request, "after")
        return page(request, "runs.html", found=self._library.runs(after=after), after=after)

    def run(self, request: Request) -> Response:
        """Show one run."""
        return page(request, "run.html", run=self._library.run(request.path_params["run"]))

    def _some(self) -> Sequence[ListedVideo]:
        return self._library.newest_or_by_name(state="done", limit=_SHOWN_AT_START).videos

    def _last_run(self) -> PastRun | None:
        return next(iter(self._library.runs(limit=1).runs), None)

    def _player(self, search: Search) -> _Player:
        video, _, number = search.opened.rpartition("/")
        platform, _, code = video.partition("/")
        shown = self._library.video(platform, code)
        moments: list[Moment] = []
        if search.asks:
            moments = self._asking.of_video(self.served, search, video)
        seconds = {frame.number: frame.second for frame in shown.frames}
        seconds |= {one.number: one.second for one in moments}
        second = seconds.get(int(number), 0.0)
        return _Player(shown, second, int(number), moments, TimeLine(_duration(shown)))


def _duration(video: LibraryVideo) -> float:
    last = max((frame.scene_end or frame.second for frame in video.frames), default=0.0)
    return video.duration or last


def _second(request: Request, video: LibraryVideo) -> float:
    """Return the second that the address asks for, as such or by a frame; 0 without."""
    number = request.query_params.get("frame", "")
    if number:
        return next((one.second for one in video.frames if str(one.number) == number), 0.0)
    try:
        return max(0.0, min(float(request.query_params.get("at", "0")), 1e7))
    except ValueError:
        return 0.0


def _printable(request: Request, name: str) -> str:
    """Return a value of the address, empty for one that nothing has, as it cannot be written."""
    value = request.query_params.get(name, "").strip()[:500]
    return value if value.isprintable() else ""


def _as_far_as_read(request: Request) -> Search:
    """Return the texts of a search that is refused, so that nobody has to type them again."""
    texts = [text[:500] for text in request.query_params.getlist("q") if text.strip()]
    return Search(texts=tuple(texts[:8]))


def _read(request: Request) -> Search:
    """Return the search in the address.

    Raises:
        RefusedError: 400, it holds what cannot be read.
    """
    try:
        return read_search(request.query_params.multi_items())
    except ConfigurationError as error:
        raise RefusedError(400, str(error)) from error


def _taking_pictures(pictures: KeptPictures) -> Callable[[Request], Awaitable[Response]]:
    async def take(request: Request) -> Response:
        """Keep a picture that was sent, and go to the search by it."""
        async with request.form(max_files=1, max_fields=1) as form:
            sent = form.get("picture")
            content = b"" if sent is None or isinstance(sent, str) else await sent.read()
        if not content:
            raise RefusedError(422, "no picture was sent", "Choose one first.")
        shown = served(request)
        name = await shown.work.run(pictures.keep, shown, content)
        search = _read(request)
        return RedirectResponse("/" + search.address(picture=name, like=""), 303)

    return take


async def _choose_theme(request: Request) -> Response:
    """Keep the theme in a cookie, so that the page comes in it from its first byte."""
    async with request.form(max_files=0, max_fields=1) as form:
        theme = str(form.get("theme", ""))
    back = urlsplit(request.headers.get("referer", "/"))
    # Only a path of this page; //host would be one of another.
    where = "/" + back.path.lstrip("/") + (f"?{back.query}" if back.query else "")
    answer = RedirectResponse(where, 303)
    if theme in ("light", "dark"):
        answer.set_cookie(THEME_COOKIE, theme, max_age=_A_YEAR_S, samesite="strict", path="/")
    else:
        answer.delete_cookie(THEME_COOKIE, path="/")
    return answer
