"""The threads in which requests are worked on: a bounded number, with a bounded queue and time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from workflows.serve.refusals import busy

P = ParamSpec("P")
T = TypeVar("T")

_WAITING_A_THREAD = 8


class Work:
    """Runs blocking functions of requests in threads.

    A function cannot be stopped once it began: one that takes too long is no longer waited for,
    and keeps its thread until it ends. So there are never more of them than threads.
    """

    def __init__(self, threads: int, timeout_s: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._most = threads * (1 + _WAITING_A_THREAD)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self.pending = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returns.

        Raises:
            RefusedError: 503, as too many requests wait, or this one takes too long.
        """
        if self.pending >= self._most:
            raise busy(f"{self.pending} requests are under way, as many as this server takes on")
        with self._lock:
            self.pending += 1
        future = self._pool.submit(function, *args, **kwargs)
        future.add_done_callback(self._ended)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._timeout_s)
        except TimeoutError as error:
            raise busy(
                f"the answer took longer than VP_SERVE_TIMEOUT_SECS={self._timeout_s:g}"
            ) from error

    def _ended(self, _: Future[Any]) -> None:
        with self._lock:
            self.pending -= 1

    def close(self) -> None:
        """Let what is under way end, and begin nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)
