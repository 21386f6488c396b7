"""The holder's side: answers what other processes ask of the engine that this one has open."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from components.base.logs import log
from components.errors import ConfigurationError, PipelineError
from components.stores.vectors.edge import socket_file, wire
from components.stores.vectors.edge.errors import HolderGoneError
from components.stores.vectors.edge.requests import Answered, Engine
from components.stores.vectors.errors import MissingCollectionError


class Holder:
    """Listens in the folder until it is closed; a thread for each process that calls."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._closing = False
        self._listener: socket.socket | None = None
        try:
            self._listener = socket_file.listen(folder)
        except OSError as error:
            # The folder serves this process all the same.
            log.warning("%s: others will have to wait for this process (%s)", folder, error)
            return
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Hang up; who is being answered gets the answer first."""
        if self._listener is None:
            return
        self._closing = True
        # Before the lock is given back, so that it is never the next holder's that goes.
        (self._folder / socket_file.NAME).unlink(missing_ok=True)
        for opened in (self._listener, *self._held()):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RD)
        self._listener.close()

    def _held(self) -> list[socket.socket]:
        with self._lock:
            return list(self._connections)

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            if not wire.is_own(connection):
                log.warning("%s: a process of another user was turned away", self._folder)
                return
            with self._lock:
                self._connections.add(connection)
            try:
                while not self._closing and (message := wire.receive(connection)):
                    self._answer(connection, *message)
            except (OSError, wire.WireError, ValidationError) as error:
                if not self._closing and not isinstance(error, OSError):
                    log.warning(
                        "%s: a process that does not speak this version's protocol was turned away "
                        "(%s)", self._folder, type(error).__name__,
                    )  # fmt: skip
            finally:
                with self._lock:
                    self._connections.discard(connection)

    def _answer(self, connection: socket.socket, header: bytes, numbers: bytes) -> None:
        call = wire.Call.model_validate_json(header)
        vectors = wire.rows_of(numbers, call.shape)
        try:
            answered: Answered = self._engine.ask(call.request, vectors)
        except HolderGoneError:
            # The caller asks the next holder.
            self._closing = True
            return
        except PipelineError as error:
            wire.send(connection, wire.Reply(error=_kind(error), message=str(error)))
            return
        reply = wire.Reply(answer=answered.answer, shape=wire.shape_of(answered.vectors))
        wire.send(connection, reply, answered.vectors)


def _kind(error: PipelineError) -> wire.ErrorKind:
    if isinstance(error, MissingCollectionError):
        return "missing"
    return "configuration" if isinstance(error, ConfigurationError) else "transient"
