"""What the routes of a server work with, and how they reach it."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from components.running.services import Services
from components.settings import Settings
from workflows.serve.dropped import DroppedFrames
from workflows.serve.gate import Rules
from workflows.serve.library import Library
from workflows.serve.listing import Listing
from workflows.serve.metrics import Metrics
from workflows.serve.searching import Searching
from workflows.serve.thumbnails import Thumbnails
from workflows.serve.watches import Watches
from workflows.serve.work import Work


@dataclass(frozen=True)
class Served:
    """One server: `deployment` are its settings before stand-ins were started."""

    services: Services
    deployment: Settings
    rules: Rules
    work: Work
    listing: Listing
    library: Library
    searching: Searching
    watches: Watches
    thumbnails: Thumbnails
    dropped: DroppedFrames
    metrics: Metrics


def served(request: Request) -> Served:
    """Return what the application of this request works with."""
    found: Served = request.app.state.served
    return found
