"""Decoding in worker processes, so that a hostile video costs itself and nothing else.

A decoder that crashes, hangs or eats memory takes its worker process with it; the caller gets a
VideoRejectedError with the reason, and the pool starts another worker. Workers hold no
credentials' clients and no connections: they get a local file and settings, and give back records
and local files.
"""

from __future__ import annotations

import resource
import signal
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import cache
from multiprocessing import forkserver, util
from typing import Any, ParamSpec, TypeVar, cast

from pebble import ProcessExpired, ProcessPool

from components.base.processes import die_with_parent
from components.base.scratch import Scratch
from components.errors import Reason, TransientError, VideoRejectedError
from components.pipeline import components
from components.running.worker_context import WorkerContext
from components.settings import LimitSettings

P = ParamSpec("P")
T = TypeVar("T")

# A worker is replaced after this many videos, so that what a library leaks stays bounded.
_VIDEOS_PER_WORKER = 100
# multiprocessing removes its own folder, which lies in ours, with priority -100.
_AFTER_MULTIPROCESSING = -101


@cache
def start_forkserver() -> None:
    """Start the process that workers are forked from; it lasts as long as this one.

    The first worker needs it. It takes a second to import what workers use, so who will decode for
    certain starts it ahead, and has other work done meanwhile.

    By itself multiprocessing would put its socket where nobody removes it after a kill.
    """
    scratch = Scratch()
    util.Finalize(None, scratch.close, exitpriority=_AFTER_MULTIPROCESSING)
    before, tempfile.tempdir = tempfile.tempdir, str(scratch.path)
    try:
        forkserver.set_forkserver_preload(_what_decodes())
        forkserver.ensure_running()
    finally:
        tempfile.tempdir = before


def _what_decodes() -> list[str]:
    """Return the modules whose functions workers call."""
    return [
        f"components.{each.name}.run" for each in components() if each.decodes and not each.runs
    ]


def _limit(memory_bytes: int) -> None:
    die_with_parent()
    # Data rather than address space: libraries reserve far more addresses than they use.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _work(threads: int, function: Callable[..., T], args: Any, kwargs: Any) -> T:
    from components.media import decoding

    decoding.share_cores(threads)
    return function(*args, **kwargs)


class Decoders:
    """A pool of worker processes under the limits that the settings give one video."""

    def __init__(self, workers: int, limits: LimitSettings) -> None:
        self._workers = workers
        self._limits = limits
        self._lock = threading.Lock()
        self._pool: ProcessPool | None = None
        self._in_flight = 0

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `function` returns when called in a worker process.

        Raises:
            VideoRejectedError: the function raised it, or the worker crashed, ran out of memory
                or out of time.
            TransientError: the worker was killed from outside.
        """
        limit = self._limits.decode_timeout_s
        with self._lock:
            self._in_flight += 1
            threads = max(1, self._workers // self._in_flight)
        try:
            pool = self._running()
            future = pool.schedule(_work, args=(threads, function, args, kwargs), timeout=limit)
            return cast(T, future.result())
        except FutureTimeoutError as error:
            raise VideoRejectedError(
                Reason.DECODER_TIMEOUT,
                f"decoding took more than {limit:g} s; raise VP_DECODE_TIMEOUT_SECS if the video "
                "is worth it",
            ) from error
        except MemoryError as error:
            raise self._out_of_memory() from error
        except ProcessExpired as error:
            raise self._expired(error) from error
        finally:
            with self._lock:
                self._in_flight -= 1

    def close(self) -> None:
        """End the workers."""
        with self._lock:
            if self._pool:
                self._pool.stop()  # type: ignore[no-untyped-call]
                self._pool.join()
                self._pool = None

    def _running(self) -> ProcessPool:
        with self._lock:
            if self._pool is None or not self._pool.active:
                start_forkserver()
                self._pool = ProcessPool(
                    max_workers=self._workers,
                    max_tasks=_VIDEOS_PER_WORKER,
                    initializer=_limit,
                    initargs=(self._limits.decode_memory_mb * 2**20,),
                    context=WorkerContext(),
                )
            return self._pool

    def _out_of_memory(self) -> VideoRejectedError:
        return VideoRejectedError(
            Reason.OUT_OF_MEMORY,
            f"decoding needs more than {self._limits.decode_memory_mb} MB; raise "
            "VP_DECODE_MEMORY_MB if the video is worth it",
        )

    def _expired(self, error: ProcessExpired) -> VideoRejectedError | TransientError:
        # Killed with SIGKILL: by the kernel for want of memory, or by somebody; not the video's
        # fault for certain, so it is tried again.
        if error.exitcode == -signal.SIGKILL:
            return TransientError("the decoder was killed; check the memory of the machine or pod")
        name = signal.Signals(-error.exitcode).name if error.exitcode < 0 else error.exitcode
        return VideoRejectedError(
            Reason.DECODER_CRASHED, f"the decoder crashed ({name}) on this video"
        )
