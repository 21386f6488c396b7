"""`/api/search`, `/api/similar`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, UploadFile

from workflows.search.query import Found
from workflows.serve.pictures import searched_by
from workflows.serve.routes.parameters import (
    Code,
    CodeFilter,
    Limit,
    Number,
    PlatformFilter,
    TheServed,
    refusals,
)

router = APIRouter(prefix="/api", tags=["search"])


@router.get("/search", responses=refusals(409))
async def search(
    served: TheServed,
    text: Annotated[str, Query(min_length=1, max_length=1000, description="What to look for")],
    limit: Limit = 10,
    platform: PlatformFilter = "",
    video: CodeFilter = "",
) -> list[Found]:
    """Find the frames that fit a text, best first."""
    return await served.work.run(served.searching.by_text, text, limit, platform, video)


@router.post("/search", responses=refusals(403, 408, 409, 413))
async def search_by_picture(
    served: TheServed,
    picture: UploadFile,
    limit: Limit = 10,
    platform: PlatformFilter = "",
    video: CodeFilter = "",
) -> list[Found]:
    """Find the frames that look like a picture: JPEG, PNG, WebP, GIF or BMP."""
    content = await picture.read()
    return await served.work.run(searched_by, served, content, limit, platform, video)


@router.get("/similar/{platform}/{code}/{number}", responses=refusals(404, 409))
async def similar(
    served: TheServed, platform: Code, code: Code, number: Number, limit: Limit = 10
) -> list[Found]:
    """Find the frames that look like one that is there, best first, without that one."""
    return await served.work.run(served.searching.like, platform, code, number, limit)
