"""The caller's side: asks the process that holds the folder."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from components.errors import ConfigurationError, PipelineError, TransientError
from components.stores.vectors.edge import socket_file, wire
from components.stores.vectors.edge.errors import HolderGoneError
from components.stores.vectors.edge.requests import Answered, Request, Rows
from components.stores.vectors.errors import MissingCollectionError


class Caller:
    """An engine that another process has open; safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        """Connect to the folder's holder.

        Raises:
            OSError: nobody listens.
            HolderGoneError: it is a process of another user.
        """
        self._folder = folder
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self._closed = False
        self._put_back(self._connected())

    def ask(self, request: Request, vectors: Rows = ()) -> Answered:
        connection: socket.socket | None = None
        try:
            connection = self._taken()
            wire.send(connection, wire.Call(request=request, shape=wire.shape_of(vectors)), vectors)
            message = wire.receive(connection)
            if message is None:
                raise ConnectionResetError("it hung up")
            reply = wire.Reply.model_validate_json(message[0])
            rows = wire.rows_of(message[1], reply.shape)
        except (OSError, wire.WireError, ValidationError) as error:
            if connection is not None:
                connection.close()
            raise HolderGoneError(
                f"the process that has {self._folder} open does not answer ({error}); try again"
            ) from error
        self._put_back(connection)
        if reply.answer is None:
            raise _error(reply)
        return Answered(reply.answer, rows)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _connected(self) -> socket.socket:
        connection = socket_file.connect(self._folder)
        if not wire.is_own(connection):
            connection.close()
            raise HolderGoneError(
                f"{self._folder} is held by a process of another user; run as that user, or wait"
            )
        return connection

    def _taken(self) -> socket.socket:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._connected()

    def _put_back(self, connection: socket.socket) -> None:
        with self._lock, suppress(OSError):
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)


def _error(reply: wire.Reply) -> PipelineError:
    kinds: dict[str | None, type[PipelineError]] = {
        "missing": MissingCollectionError,
        "configuration": ConfigurationError,
    }
    return kinds.get(reply.error, TransientError)(reply.message)
