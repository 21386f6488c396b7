"""The process: a socket, uvicorn on it, and an orderly end."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from components.errors import ConfigurationError

_DRAIN_S = 20
_HEADER_BYTES = 32 * 1024
_CONNECTIONS = 512
# How long a connection may go without a request, or take over the headers of one.
_IDLE_S = 30


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens there.

    Raises:
        ConfigurationError: the address is not this machine's, or is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: only then asyncio sends an answer's body at once (TCP_NODELAY), where
    # the client's kernel else waits 40 ms before it says that the head has come.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise ConfigurationError(
            f"{host}:{port}: cannot listen there ({error}); choose another with --host and --port"
        ) from error
    return listening


def server(app: Any) -> uvicorn.Server:
    """Return what answers on a socket until SIGTERM or Ctrl-C; first it ends what is under way."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_DRAIN_S,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        http=_Protocol,
        ws="none",
    )
    return _Server(config)


class _Server(uvicorn.Server):
    """uvicorn, but an asked-for end is one: it does not raise the signal again once drained."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number: int, frame: FrameType | None) -> None:
            self.handle_exit(number, frame)

        before = {one: signal.signal(one, ask) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


class _Protocol(H11Protocol):
    """uvicorn's, which waits for headers as long as some of them come: here they have their time.

    Else somebody who sends a byte now and then would keep all connections there are.
    """

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._waiting:
            self._waiting.cancel()

    def _wait(self) -> None:
        if self._waiting:
            self._waiting.cancel()
        self._waiting = self.loop.call_later(self.timeout_keep_alive, self._hang_up)

    def _hang_up(self) -> None:
        # With a request under way, its own limits count.
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
