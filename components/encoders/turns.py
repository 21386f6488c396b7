"""Whose batch the model computes, of all who embed in this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import Lock

from components.base.profiling import span
from components.encoders.encoder import Computed, Encoder, ModelInput


class Turns:
    """The one thread that runs the model, for all shards.

    They share one model; side by side they would only be slower. And the allocator keeps what it
    freed for each thread that ever ran it.
    """

    def __init__(self, process: int) -> None:
        self._thread = ThreadPoolExecutor(1, f"model of {process}")
        self._ended = 0.0
        self._lock = Lock()

    def begin(
        self, encoder: Encoder, pictures: Sequence[ModelInput]
    ) -> Future[Callable[[], Computed]]:
        """Have a batch begun after those that wait already; its result waits for the rows."""
        return self._thread.submit(_begun, encoder, pictures)

    def end(self) -> tuple[float, float]:
        """Return when the batch before this one ended, and when this one did, which is now."""
        with self._lock:
            before, self._ended = self._ended, time.perf_counter()
            return before, self._ended


def turns() -> Turns:
    """Return those of this process; a forked one has no thread of its parent's."""
    return _of(os.getpid())


@cache
def _of(process: int) -> Turns:
    return Turns(process)


def _begun(encoder: Encoder, pictures: Sequence[ModelInput]) -> Callable[[], Computed]:
    with span("forward", frames=str(len(pictures))):
        return encoder.begin(pictures)
