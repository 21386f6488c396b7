"""The process: a socket, uvicorn on it, and an orderly end."""

from __future__ import annotations

import ipaddress
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

from components.errors import ConfigurationError

_DRAIN_S = 20
_HEADER_BYTES = 32 * 1024
_CONNECTIONS = 512


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens there.

    Raises:
        ConfigurationError: the address is not this machine's, or is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise ConfigurationError(
            f"{host}:{port}: cannot listen there ({error}); choose another with --host and --port"
        ) from error
    return listening


def is_loopback(host: str) -> bool:
    """Return whether nobody but this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_DRAIN_S,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        http="h11",
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
