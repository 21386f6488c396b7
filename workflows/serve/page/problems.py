"""Each kind of error as a page that says what happened, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse

from components.errors import ConfigurationError, PipelineError, TransientError
from workflows.serve.page.rendering import page
from workflows.serve.refusals import Refusal


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
    413: Problem(413, "Too large", "What was sent is larger than this page takes.",
                 "Take a smaller version of the picture."),
    415: Problem(415, "Not a picture", "What was sent cannot be read as a picture.",
                 "Take a JPEG, PNG or WebP."),
    421: Problem(421, "Another host", "This page does not answer under that name.",
                 "Open the address that `oriane serve` printed."),
    429: Problem(429, "Too many requests", "More was asked than this page answers at a time.",
                 "Wait a moment, then try again."),
    500: Problem(500, "A fault of the program", "Its log has the traceback.",
                 "Try again; if it stays, report it with the traceback."),
    503: Problem(503, "A store does not answer", "Something that this page reads from is down.",
                 "Try again in a moment; `oriane config` says which stores answer."),
    504: Problem(504, "It took too long", "The answer did not come in time.",
                 "Try again, or ask for less at once."),
}  # fmt: skip


def problem(request: Request, status: int, text: str = "", remedy: str = "") -> HTMLResponse:
    """Return the page of a kind of error, by its HTTP status; `text` says what this one is."""
    known = _KNOWN.get(status, _KNOWN[500 if status >= 500 else 400])
    shown = Problem(status, known.title, text or known.text, remedy or known.remedy)
    return page(request, "problem.html", status, problem=shown)


def of_error(request: Request, error: PipelineError) -> HTMLResponse:
    """Return the page of an error of the program's own."""
    if isinstance(error, ConfigurationError):
        return problem(request, 400, str(error))
    return problem(request, 503 if isinstance(error, TransientError) else 500, str(error))


def render_refusal(request: Request, refusal: Refusal) -> HTMLResponse:
    """Return a refusal of the server as a page."""
    return problem(request, refusal.status, refusal.error, refusal.remedy)


def login_page(request: Request, after: str = "/", *, wrong: bool = False) -> HTMLResponse:
    """Return the page that asks for the token, and goes on to `after`, a path of this server."""
    return page(request, "login.html", 401 if wrong else 200, next=after, wrong=wrong)
