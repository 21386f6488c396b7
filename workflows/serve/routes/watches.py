"""`/api/watches`: standing questions and what they found."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from workflows.serve.report import WatchList, WatchPage
from workflows.serve.routes.parameters import After, Limit, TheServed, refusals

router = APIRouter(prefix="/api", tags=["watches"])


@router.get("/watches", responses=refusals(409))
async def watches(served: TheServed) -> WatchList:
    """List the standing questions by name."""
    return await served.work.run(served.watches.all)


@router.get("/watches/{name}", responses=refusals(404, 409))
async def watch(
    served: TheServed,
    name: Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")],
    after: After = "",
    empty: Annotated[bool, Query(description="Also runs that brought nothing new")] = False,
    limit: Limit = 20,
) -> WatchPage:
    """Show what a standing question found, a notice a run, the latest first; the best moments."""
    return await served.work.run(served.watches.one, name, after=after, empty=empty, limit=limit)
