"""Requests that nobody waits for any more: who asked has gone on to the next page, or closed it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workflows.serve.body import body_first


class Abandoned:
    """The middleware that ends the work on a request once its connection is closed.

    What waits for a thread is then not begun; what a thread has begun, it ends for nobody. Only of
    requests without a body, which the application does not read: what else it receives is the end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        gone: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        async def closed() -> Message:
            return await asyncio.shield(gone)

        work = asyncio.ensure_future(self._app(scope, body_first(b"", closed), send))
        watching = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((work, watching), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
                return
            gone.set_result({"type": "http.disconnect"})
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
        finally:
            watching.cancel()
            work.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
