"""The page's addresses, and what each shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.routing import Mount, Route

from workflows.serve.page.asking import Asking
from workflows.serve.page.login import login_page, take_token
from workflows.serve.page.of_question import page_address
from workflows.serve.page.pictures import KeptPictures
from workflows.serve.page.problems import render_refusal
from workflows.serve.page.rendering import THEME_COOKIE
from workflows.serve.page.results import Results, read
from workflows.serve.page.runs import run_list, run_view
from workflows.serve.page.videos import PRIVATE, cover, video_list, video_view
from workflows.serve.page.watches import watch_list, watch_view
from workflows.serve.refusals import RefusedError
from workflows.serve.served import Served, served

_A_YEAR_S = 365 * 86400
Handler = Callable[[Served, Request], Response]


def add_page(app: FastAPI) -> None:
    """Add the page to the application, and have it show what the server refuses.

    Frames and videos it shows by the API's addresses.
    """
    pictures = KeptPictures()
    results = Results(Asking(pictures))

    def shown(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def show(request: Request) -> Response:
            found = served(request)
            return await found.work.run(handler, found, request)

        return show

    def picture(_: Served, request: Request) -> Response:
        """Return a picture that was sent."""
        content = pictures.get(request.path_params["name"])
        return Response(content, media_type="image/webp", headers=PRIVATE)

    static = StaticFiles(directory=Path(__file__).parent / "static")
    app.router.routes += [
        Route("/", shown(results.search)),
        Route("/picture", _taking_pictures(pictures), methods=["POST"]),
        Route("/picture/{name}", shown(picture)),
        Route("/cover/{platform}/{code}", shown(cover)),
        Route("/export.{kind}", shown(results.export)),
        Route("/library", shown(video_list)),
        Route("/library/{platform}/{code}", shown(video_view)),
        Route("/watches", shown(watch_list)),
        Route("/watches/{name}", shown(watch_view)),
        Route("/runs", shown(run_list)),
        Route("/runs/{run}", shown(run_view)),
        Route("/theme", _choose_theme, methods=["POST"]),
        Route("/login", login_page),
        Route("/login", take_token, methods=["POST"]),
        Mount("/static", static, name="static"),
    ]
    app.state.render_refusal = render_refusal
    app.state.page_of_question = page_address


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
        search = read(request)
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
