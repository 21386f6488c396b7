"""The engine that processes share: whoever has the folder open answers for the others.

There is no daemon. The first to come takes the folder's lock and listens on a socket in it; the
others ask there. When the holder ends, or is killed, the kernel gives the lock back, and the next
one that asks takes it. Requests may be repeated, so one whose answer is lost is asked again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from components.errors import TransientError
from components.stores.vectors.edge.caller import Caller
from components.stores.vectors.edge.errors import HolderGoneError
from components.stores.vectors.edge.requests import Answered, Request, Rows

_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.5


class Held(Protocol):
    """An engine that this process has open, with what listens for others."""

    def ask(self, request: Request, vectors: Rows = ()) -> Answered: ...
    def close(self) -> None: ...


class SharedEngine:
    """An engine over a folder, in this process or another one; safe to share between threads."""

    def __init__(
        self, folder: Path, hold: Callable[[Path], Held | None], patience_s: float
    ) -> None:
        """Open the folder, or connect to the process that has it open.

        Args:
            hold: Opens the folder; returns None where another process has it.
            patience_s: Seconds in which either has to succeed.

        Raises:
            ConfigurationError: the folder is damaged.
            TransientError: another process has it open and does not answer.
        """
        self._folder, self._hold, self._patience_s = folder, hold, patience_s
        self._lock = threading.Lock()
        self._closed = False
        self._engine: Held | None = None
        self._current()

    @property
    def holds(self) -> bool:
        """Whether this process has the folder open."""
        return self._engine is not None and not isinstance(self._engine, Caller)

    def ask(self, request: Request, vectors: Rows = ()) -> Answered:
        deadline = time.monotonic() + self._patience_s
        while True:
            engine = self._current()
            try:
                return engine.ask(request, vectors)
            except HolderGoneError:
                self._drop(engine)
                if time.monotonic() > deadline:
                    raise

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._engine is not None:
                self._engine.close()
                self._engine = None

    def _current(self) -> Held:
        with self._lock:
            if self._closed:
                raise TransientError(f"{self._folder} was closed meanwhile")
            if self._engine is None:
                self._engine = self._reached()
            return self._engine

    def _drop(self, engine: Held) -> None:
        with self._lock:
            if self._engine is engine:
                engine.close()
                self._engine = None

    def _reached(self) -> Held:
        deadline, pause = time.monotonic() + self._patience_s, _FIRST_PAUSE_S
        while True:
            if held := self._hold(self._folder):
                return held
            try:
                return Caller(self._folder)
            # It is about to listen, or about to end.
            except OSError as error:
                if time.monotonic() > deadline:
                    raise TransientError(
                        f"{self._folder} is in use by another process, which does not answer "
                        f"({error}); wait for it to end, or set QDRANT_URL to a server that "
                        "several can use"
                    ) from error
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
