"""Refusals: what a client is told when it does not get what it asked for, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from starlette.exceptions import HTTPException

from components.base.logs import log
from components.base.redaction import redacted
from components.errors import ConfigurationError, NotFoundError, PipelineError, TransientError
from components.records.record import Record

RETRY_AFTER_S = 5
_READ_ON = "GET /api/openapi.json says what there is"


class Refusal(Record):
    """Why a request was refused, in a sentence, and the remedy; `status` is HTTP's.

    `is_busy` tells the page, of a 503, that the server has too much to do, and no store is down.
    """

    status: int
    error: str
    remedy: str = ""
    is_busy: SkipJsonSchema[bool] = Field(False, exclude=True)


class RefusedError(Exception):
    """Ends a request with a refusal; `headers` go with it."""

    def __init__(
        self, status: int, error: str, remedy: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.refusal = Refusal(status=status, error=error, remedy=remedy)
        self.headers = dict(headers or {})


def busy(error: str, retry_after_s: int = RETRY_AFTER_S) -> RefusedError:
    """Return the refusal of a request that may be made again."""
    refused = RefusedError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        error,
        "try again in a moment",
        {"Retry-After": str(retry_after_s)},
    )
    refused.refusal = refused.refusal.model_copy(update={"is_busy": True})
    return refused


Renderer = Callable[[Request, Refusal], Response]


def answer(
    request: Request, refusal: Refusal, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the response: JSON below /api, elsewhere as the page renders it where there is one."""
    render: Renderer | None = getattr(request.app.state, "render_refusal", None)
    if render and not request.url.path.startswith("/api/"):
        response = render(request, refusal)
        response.headers.update(headers or {})
        return response
    return JSONResponse(refusal.model_dump(), refusal.status, headers)


def handle(app: FastAPI) -> None:
    """Have every error of the application answered as a refusal."""
    for kind, handler in (
        (RefusedError, _refused),
        (PipelineError, _failed),
        (RequestValidationError, _invalid),
        (HTTPException, _http),
        (Exception, _fault),
    ):
        app.add_exception_handler(kind, handler)


def told(error: PipelineError) -> tuple[str, str]:
    """Return the sentence of an error of the program's own, and the remedy that it ends with."""
    sentence, _, remedy = redacted(str(error)).partition("; ")
    return sentence, remedy


def of_error(error: PipelineError) -> RefusedError:
    """Return the refusal for an error of the program's own."""
    headers = {}
    if isinstance(error, NotFoundError):
        status = HTTPStatus.NOT_FOUND
    elif isinstance(error, TransientError):
        status, headers = HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(RETRY_AFTER_S)}
    elif isinstance(error, ConfigurationError):
        status = HTTPStatus.CONFLICT
    else:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    return RefusedError(status, *told(error), headers)


async def _refused(request: Request, error: Any) -> Response:
    return answer(request, error.refusal, error.headers)


async def _failed(request: Request, error: Any) -> Response:
    refused = of_error(error)
    return answer(request, refused.refusal, refused.headers)


async def _invalid(request: Request, error: Any) -> Response:
    # Of a parameter that may be of several kinds, each kind complains: the first is enough.
    faults = {tuple(each["loc"][:2]): each for each in reversed(error.errors())}
    faulty = "; ".join(
        f"{_named(each['loc'])}: {each['msg']}" for each in reversed(faults.values())
    )
    refusal = Refusal(status=HTTPStatus.UNPROCESSABLE_ENTITY, error=faulty, remedy=_READ_ON)
    return answer(request, refusal)


def _named(loc: Sequence[str | int]) -> str:
    """Return which parameter, and which of several, without where it stands and what it may be."""
    places = (part for part in loc[2:] if isinstance(part, int))
    return ".".join(map(str, (*loc[1:2], *places))) or str(loc[0])


async def _http(request: Request, error: Any) -> Response:
    refusal = Refusal(
        status=error.status_code,
        error=f"{request.method} {request.url.path}: {error.detail}",
        remedy=_READ_ON,
    )
    return answer(request, refusal, error.headers)


async def _fault(request: Request, error: Any) -> Response:
    log.error("%s %s: internal error", request.method, request.url.path, exc_info=error)
    refusal = Refusal(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        error=f"internal error: {type(error).__name__}",
        remedy="that is a fault of oriane; the server's log has the traceback",
    )
    return answer(request, refusal)
