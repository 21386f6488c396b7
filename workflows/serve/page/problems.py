"""Each kind of error as a page that says what happened, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import HTMLResponse

from workflows.serve.page.rendering import page
from workflows.serve.refusals import Refusal

# HTTP's own words, which name an address that the browser shows already.
_OF_ADDRESSES = re.compile(r"[A-Z]+ /\S*: ")
# A remedy that names the API's addresses is for programs.
_FOR_PROGRAMS = re.compile(r"\b(GET|POST) /api/|Authorization:")

# What may be answered if it is asked again.
_MAY_PASS = (429, 500, 503)


@dataclass(frozen=True)
class Problem:
    """An error as people read it; `text` and `remedy` may name what to type in `marks`."""

    status: int
    title: str
    text: str
    remedy: str = ""


_KNOWN = {
    400: Problem(400, "That cannot be searched for", "The address holds something unexpected."),
    401: Problem(401, "Sign in first", "This page asks for its token.", "Open `/login`."),
    403: Problem(403, "Not allowed", "This page does not do that."),
    404: Problem(404, "Nothing is here", "There is no such page, video or run."),
    405: Problem(405, "Not allowed", "This page does not do that."),
    408: Problem(408, "It took too long", "The request was not here in time.", "Send it again."),
    409: Problem(409, "Not ready", "Something has to be set up first.",
                 "`oriane config` shows what is set, and which stores answer."),
    413: Problem(413, "Too large", "What was sent is larger than this page takes.",
                 "Take a smaller version of the picture."),
    421: Problem(421, "Another host", "This page does not answer under that name.",
                 "Open the address that `oriane serve` printed."),
    422: Problem(422, "That cannot be read", "What was sent is not what was expected.",
                 "Take a JPEG, PNG or WebP."),
    429: Problem(429, "Too many requests", "More was asked than this page answers at a time.",
                 "Wait a moment, then try again."),
    500: Problem(500, "A fault of the program", "Its log has the traceback.",
                 "Try again; if it stays, report it with the traceback."),
    503: Problem(503, "A store does not answer", "Something that this page reads from is down.",
                 "Try again in a moment; `oriane config` says which stores answer."),
}  # fmt: skip


_BUSY = Problem(503, "Too much to do", "This page has more to do than it can at the moment.",
                "Try again in a moment.")  # fmt: skip


def sentences(told: str, remedy: str) -> str:
    """Return what was refused and what to do as sentences begin and end."""
    return " ".join(f"{part[:1].upper()}{part[1:]}." for part in (told, remedy.rstrip(".")) if part)


def render_refusal(request: Request, refusal: Refusal) -> HTMLResponse:
    """Return a refusal of the server as a page."""
    status = refusal.status
    known = _BUSY if refusal.is_busy else _KNOWN.get(status, _KNOWN[500 if status >= 500 else 400])
    # The program's sentence, as sentences on a page begin; paths and names stay as they are.
    told = known.text if _OF_ADDRESSES.match(refusal.error) or status == 500 else refusal.error
    remedy = "" if status == 500 or _FOR_PROGRAMS.search(refusal.remedy) else refusal.remedy
    shown = Problem(status, known.title, told, remedy or known.remedy)
    again = _address(request) if request.method == "GET" and status in _MAY_PASS else ""
    return page(request, "problem.html", status, problem=shown, again=again)


def _address(request: Request) -> str:
    """Return path and query; two slashes in front would name another host."""
    query = request.url.query
    return "/" + request.url.path.lstrip("/") + (f"?{query}" if query else "")
