"""Parameters that several routes take."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from components.records.record import Name
from workflows.serve.refusals import Refusal
from workflows.serve.served import Served, served


async def _served(request: Request) -> Served:
    # What is not async, FastAPI would call in a thread of its own.
    return served(request)


TheServed = Annotated[Served, Depends(_served)]
Platform = Annotated[Name, Path(description="The video's platform")]
Code = Annotated[Name, Path(description="The video's code")]
Number = Annotated[int, Path(ge=0, le=2**53, description="The frame's number")]
PlatformFilter = Annotated[
    str, Query(alias="platform", max_length=255, description="Of this platform only")
]
After = Annotated[str, Query(max_length=600, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=200, description="Most to return")]


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return, for OpenAPI, that a route answers with refusals of these statuses as well."""
    told = (*statuses, 401, 421, 422, 429, 503)
    return {status: {"model": Refusal} for status in sorted(told)}
