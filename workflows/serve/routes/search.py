"""`/api/search`, `/api/similar`: a question in the query string, answered as the command does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, UploadFile
from pydantic import Field, ValidationError

from components.errors import ConfigurationError
from components.records.record import Record
from workflows.search.answer import Answer
from workflows.search.question import Question
from workflows.serve.pictures import plain_picture
from workflows.serve.refusals import RefusedError, told
from workflows.serve.routes.parameters import Code, Number, Platform, TheServed, refusals
from workflows.serve.served import Served

router = APIRouter(prefix="/api", tags=["search"])

_JSON = "application/json"
_Text = Annotated[str, Field(min_length=1, max_length=1000)]
_Name = Annotated[str, Field(min_length=1, max_length=511)]
_Seconds = Annotated[float, Field(ge=0, le=1e7)]


class Narrowing(Record):
    """Among which frames to look, and how much to answer; as `Question` has it, but bounded."""

    platform: _Name | None = Field(None, description="Of this platform only")
    video: _Name | None = Field(None, description="Of this video only: platform/code, or a code")
    after: datetime | date | None = Field(None, description="Sources written then or later")
    before: datetime | date | None = Field(None, description="Sources written before that")
    min_duration: _Seconds | None = Field(None, description="Of the video, in seconds")
    max_duration: _Seconds | None = Field(None, description="Of the video, in seconds")
    from_second: _Seconds | None = Field(None, description="Where in its video a frame may be")
    to_second: _Seconds | None = Field(None, description="Where in its video a frame may be")
    cropped: bool | None = Field(None, description="Videos whose borders were cut off, or others")
    confidence: float | None = Field(None, ge=0, le=1, description="Below it, nothing fits")
    limit: int = Field(10, ge=1, le=100, description="Most moments")
    per_video: int = Field(2, ge=0, le=1000, description="Most of one video; 0 sets no bound")
    offset: int = Field(0, ge=0, le=1000, description="Moments to pass over: the pages before")


class Asked(Narrowing):
    """A question but for its picture, which is sent in the body."""

    texts: list[_Text] = Field([], max_length=16, description="What moments should show")
    without: list[_Text] = Field([], max_length=16, description="What they should not show")
    like: _Name | None = Field(None, description="A frame: platform/code/number")


@router.get("/search", response_model=Answer, responses=refusals(409))
async def search(request: Request, served: TheServed, asked: Annotated[Asked, Query()]) -> Response:
    """Find the moments that fit texts or a frame, or say that nothing fits.

    The header `Link` names the page that shows the same, where the page can ask it.
    """
    content = await served.work.run(_answer, served, dict(asked))
    return _with_page(request, content, asked)


@router.post("/search", response_model=Answer, responses=refusals(403, 408, 409, 413))
async def search_by_picture(
    request: Request,
    served: TheServed,
    asked: Annotated[Asked, Query()],
    picture: UploadFile,
) -> Response:
    """Find the moments that look like a picture (JPEG, PNG, WebP, GIF, BMP), with texts or not.

    The header `Link` names the page that shows the same but for the picture.
    """
    sent = await picture.read()
    content = await served.work.run(_answer, served, dict(asked), sent)
    return _with_page(request, content, asked, b"sent")


@router.get(
    "/similar/{platform}/{code}/{number}", response_model=Answer, responses=refusals(404, 409)
)
async def similar(
    served: TheServed,
    platform: Platform,
    code: Code,
    number: Number,
    narrowing: Annotated[Narrowing, Query()],
) -> Response:
    """Find the moments that look like a frame that is there."""
    asked = {**dict(narrowing), "like": f"{platform}/{code}/{number}"}
    return Response(await served.work.run(_answer, served, asked), media_type=_JSON)


def _with_page(
    request: Request, content: bytes, asked: Asked, picture: bytes | None = None
) -> Response:
    """Return the answer, with the page that asks the same, where there is a page and it can."""
    response = Response(content, media_type=_JSON)
    page_of: Callable[[Question], str | None] | None
    page_of = getattr(request.app.state, "page_of_question", None)
    if page_of and (address := page_of(Question(**dict(asked), image=picture))):
        response.headers["Link"] = f'<{address}>; rel="alternate"; type="text/html"'
    return response


def _answer(served: Served, asked: dict[str, Any], picture: bytes | None = None) -> bytes:
    """Return the answer as JSON: written by the thread that found it, not by the one all share."""
    if picture is not None:
        asked["image"] = plain_picture(served.services, picture)
    try:
        question = Question(**asked)
    except ValidationError as error:
        wrong = "; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, wrong, "change the question") from error
    try:
        return served.searching.answer(question).model_dump_json().encode()
    except ConfigurationError as error:
        if question.like is None:
            raise
        raise RefusedError(HTTPStatus.NOT_FOUND, *told(error)) from error
