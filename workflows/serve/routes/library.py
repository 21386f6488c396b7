"""`/api/videos`, `/api/runs`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from components.errors import Failure, Reason
from components.records.booking import Wanted
from workflows.operations.runs.report import PastRun
from workflows.operations.status.report import Overview
from workflows.serve.report import LibraryVideo, Order, RunPage, VideoPage
from workflows.serve.routes.parameters import (
    After,
    Code,
    Limit,
    Platform,
    PlatformFilter,
    TheServed,
    refusals,
)

router = APIRouter(prefix="/api", tags=["library"])

State = Literal["", "done", "rejected", "failed", "requested"]


@router.get("/overview", responses=refusals(409))
async def overview(served: TheServed, platform: PlatformFilter = "") -> Overview:
    """Count the videos by state and reason, and name the runs at work."""
    return await served.work.run(served.listing.overview, platform)


@router.get("/videos", responses=refusals(409))
async def videos(
    served: TheServed,
    platform: PlatformFilter = "",
    state: Annotated[State, Query(description="In this state only")] = "",
    reason: Annotated[
        Literal[""] | Reason | Failure, Query(description="Stopped for this reason only")
    ] = "",
    contains: Annotated[str, Query(max_length=255, description="With this in platform/code")] = "",
    run: Annotated[str, Query(max_length=255, description="That this run booked last")] = "",
    order: Annotated[Order, Query(description="By name, or the latest booking first")] = "name",
    after: After = "",
    limit: Limit = 50,
) -> VideoPage:
    """List the videos, in the order of their names or the newest first."""
    return await served.work.run(
        served.listing.newest if order == "newest" else served.listing.videos,
        Wanted(platform=platform, state=state, reason=str(reason), contains=contains, run=run),
        after,
        limit,
    )


@router.get("/videos/{platform}/{code}", responses=refusals(404, 409))
async def video(served: TheServed, platform: Platform, code: Code) -> LibraryVideo:
    """Tell all about one video."""
    return await served.work.run(served.library.video, platform, code)


@router.get("/runs", responses=refusals(409))
async def runs(served: TheServed, after: After = "", limit: Limit = 20) -> RunPage:
    """List the runs, the newest first."""
    return await served.work.run(served.library.runs, after=after, limit=limit)


@router.get("/runs/{run}", responses=refusals(404, 409))
async def run(
    served: TheServed,
    run: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$")],
) -> PastRun:
    """Show one run in full."""
    return await served.work.run(served.library.run, run)
