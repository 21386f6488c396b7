"""`/api/health`, `/api/metrics`, `/api/login`: what the server says of itself, and the session."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from components.base.logs import log
from components.base.version import version as own_version
from components.errors import PipelineError
from components.records.record import Record
from workflows.local.deployment_mark import deployment_mark
from workflows.serve import sessions
from workflows.serve.metrics import CONTENT_TYPE
from workflows.serve.refusals import RefusedError, of_error
from workflows.serve.routes.parameters import TheServed, refusals
from workflows.serve.served import Served

router = APIRouter(prefix="/api", tags=["service"])


class About(Record):
    """The program's version, the collection that is searched, and a mark of the stores."""

    version: str
    collection: str
    deployment: str


@router.get("/about", responses=refusals())
async def about(served: TheServed) -> About:
    """Tell what is served, so that another process sees whether it would search the same."""
    return About(
        version=own_version(),
        collection=served.deployment.index.collection,
        deployment=deployment_mark(served.deployment),
    )


class Health(Record):
    """Whether the server lives, and whether it can answer; if not, why."""

    live: bool
    ready: bool
    problem: str | None = None


@router.get("/health", responses={503: {"model": Health}})
@router.get("/health/ready", responses={503: {"model": Health}})
async def ready(served: TheServed) -> Response:
    """Tell whether searches can be answered now: 200 or 503."""
    try:
        await served.work.run(_look, served)
    except RefusedError as error:
        problem = error.refusal.error
    except PipelineError as error:
        problem = of_error(error).refusal.error
    else:
        return JSONResponse(Health(live=True, ready=True).model_dump())
    log.warning("not ready: %s", problem)
    # What is wrong is in the log and in /api/overview: everybody may ask for this.
    unready = Health(live=True, ready=False, problem="a store does not answer; see the log")
    return JSONResponse(unready.model_dump(), HTTPStatus.SERVICE_UNAVAILABLE)


@router.get("/health/live")
async def live() -> Health:
    """Tell that the server lives."""
    return Health(live=True, ready=True)


@router.get(
    "/metrics",
    responses={**refusals(), 200: {"content": {"text/plain": {}}}},
    response_class=Response,
)
async def metrics(served: TheServed) -> Response:
    """Return the server's metrics in Prometheus's text format."""
    return Response(served.metrics.text(), media_type=CONTENT_TYPE)


@router.post("/login", responses=refusals(303, 403), status_code=HTTPStatus.SEE_OTHER)
async def login(
    served: TheServed,
    request: Request,
    token: Annotated[str, Form(max_length=1000)],
    target: Annotated[str, Form(alias="next", max_length=4000)] = "/",
) -> Response:
    """Open a session for a browser that shows the token, and send it on."""
    expected = served.rules.token
    if expected and not hmac.compare_digest(token.strip().encode(), expected.encode()):
        raise RefusedError(
            HTTPStatus.FORBIDDEN, "that is not the token", "ask whoever runs the server for it"
        )
    response = RedirectResponse(_local(target), HTTPStatus.SEE_OTHER)
    if expected:
        sessions.open_session(request, response, expected)
    return response


def _look(served: Served) -> None:
    served.services.collection.exists()


def _local(target: str) -> str:
    """Return the address if it is one of this server, else its first page."""
    is_local = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if is_local and target.isprintable() else "/"
