"""The application: routes, errors and the gate, around services that its caller holds."""

from __future__ import annotations

import gc
import threading
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from components.base.logs import log
from components.base.version import version as own_version
from components.errors import PipelineError
from components.running.services import Services
from components.running.wardens import start_forkserver
from components.settings import Settings
from workflows.serve import refusals
from workflows.serve.abandoned import Abandoned
from workflows.serve.dropped import DroppedFrames
from workflows.serve.gate import Gate, Rules
from workflows.serve.library import Library
from workflows.serve.listing import Listing
from workflows.serve.metrics import Measured, Metrics
from workflows.serve.page.routes import add_page
from workflows.serve.routes import library, media, search, service, watches
from workflows.serve.searching import Searching
from workflows.serve.served import Served
from workflows.serve.thumbnails import Thumbnails
from workflows.serve.watches import Watches
from workflows.serve.work import Work

_DESCRIPTION = """Search of video frames, and the library of videos. Reads only.

An error is an object with `status`, `error` (a sentence) and `remedy` (what to do)."""


def create_app(services: Services, deployment: Settings, rules: Rules | None = None) -> FastAPI:
    """Return the application that `oriane serve` runs.

    Args:
        services: What it reads; whoever made them closes them.
        deployment: As the commands have it, before stand-ins are started.
        rules: Whom it answers; those of the settings if left out.
    """
    settings = deployment.serve
    app = FastAPI(
        title="oriane",
        version=own_version(),
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        lifespan=_alive,
    )
    rules = rules or rules_of(deployment)
    work = Work(settings.threads, settings.timeout_s)
    thumbnails = Thumbnails(
        deployment.work.data_dir / "thumbnails",
        settings.thumbnails_mb * 10**6,
        deployment.limits.max_pixels,
    )
    dropped = DroppedFrames(services, thumbnails)
    metrics = Metrics(work, thumbnails)
    app.state.served = Served(
        services=services,
        deployment=deployment,
        rules=rules,
        work=work,
        listing=Listing(services),
        library=Library(services, dropped),
        searching=Searching(services, deployment),
        watches=Watches(services),
        thumbnails=thumbnails,
        dropped=dropped,
        metrics=metrics,
    )
    refusals.handle(app)
    for routes in (search, library, watches, media, service):
        app.include_router(routes.router)
    add_page(app)
    # Else made by the first request, while other threads work.
    for _ in iter_route_contexts(app.routes):
        pass
    app.add_middleware(Abandoned)
    app.add_middleware(Gate, rules=rules)
    app.add_middleware(Measured, metrics=metrics)
    return app


@asynccontextmanager
async def _alive(app: FastAPI) -> AsyncIterator[None]:
    """Load the model while the first requests come in; let what is under way end at the end."""
    found: Served = app.state.served
    # The nursery is forked from before other threads hold locks.
    start_forkserver()
    ended = threading.Event()
    warming = threading.Thread(target=_warm, args=(found, ended), name="warming", daemon=True)
    warming.start()
    yield
    ended.set()
    await to_thread(found.work.close)
    # In a process that goes on, the model is to go.
    found.searching.close()
    gc.unfreeze()


def _warm(found: Served, ended: threading.Event) -> None:
    try:
        found.searching.warm()
    except PipelineError as error:
        log.warning("not warm yet: %s", error)
    if not ended.is_set():
        # All that is loaded stays; from here on the collector looks at what requests make. What is
        # garbage by now would stay as well.
        gc.collect()
        gc.freeze()


def rules_of(deployment: Settings, *hosts: str) -> Rules:
    """Return whom a server with these settings answers, under these names beside its own."""
    settings = deployment.serve
    named = [name.lower() for name in settings.hosts.split(",") if name]
    return Rules(
        token=settings.token.get_secret_value() if settings.token else "",
        hosts=frozenset([*named, *hosts]),
        rate=settings.rate,
        body_bytes=settings.picture_bytes,
        timeout_s=settings.timeout_s,
    )
