"""Decoding in worker processes, so that a hostile video costs itself and nothing else.

A worker has one task: a function, a file to read, files to fill. It is forked for it from a
process that never held a secret (`components.running.nursery`), is confined to it
(`components.running.sandbox`), and answers in JSON, which is validated
(`components.running.answers`): nothing that it says is run, and nothing but these files is within
its reach. One that crashes, hangs or eats memory raises a VideoRejectedError with the reason.
"""

from __future__ import annotations

import os
import pickle
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar, get_type_hints

from components.base import cpu_time
from components.base.gpu import has_gpu
from components.base.logs import log
from components.errors import ConfigurationError
from components.running import answers
from components.running.answers import ANSWER_BYTES, Report, report_of
from components.running.nursery import Order, Task, send_task
from components.running.sandbox import LANDLOCK, SECCOMP, Allowed
from components.running.wardens import start_forkserver, unconfined_parts, warden
from components.settings import LimitSettings

P = ParamSpec("P")
T = TypeVar("T")

Sandboxing = Literal["require", "best", "off"]

_REPORT_BYTES = 4096
_READ_BYTES = 2**16
# poll() counts milliseconds in 32 bits.
_LONGEST_POLL_S = 3600


@dataclass(frozen=True)
class Access:
    """What a task may touch.

    Attributes:
        reads: The file to decode.
        writes: The files that it may fill; they are made empty before.
        cpu_s: CPU seconds that each of its processes may take; None for as many as there are.
        gpu: Whether it may decode or encode on a GPU, whose driver does not work confined.
    """

    reads: Path | None = None
    writes: tuple[Path, ...] = ()
    cpu_s: int | None = None
    gpu: bool = False


class Decoders:
    """Worker processes, some at a time, under the limits that the settings give one video."""

    def __init__(
        self, workers: int, limits: LimitSettings, sandboxing: Sandboxing = "best"
    ) -> None:
        self._workers = workers
        self._limits = limits
        self._sandboxing = sandboxing
        self._slots = threading.Semaphore(workers)
        self._lock = threading.Lock()
        # The CPU seconds that all tasks in flight may take: what they are held to be worth.
        self._in_flight = 0
        self._connections: set[socket.socket] = set()
        self._warned: set[str] = set()
        self._used_gpu = False

    def call(
        self, access: Access, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what `function` returns when called in a worker process.

        The function is one of a module, and says of which type its result is: that is what the
        worker's answer has to be.

        Raises:
            VideoRejectedError: the function raised it, or the worker crashed, ran out of memory
                or out of time, or broke its limits.
            TransientError: the worker was killed from outside.
            ConfigurationError: it cannot be confined here, and VP_SANDBOX asks for that.
            WorkerFaultError: the function raised anything else.
        """
        worth = access.cpu_s or 1
        with self._lock:
            self._in_flight += worth
            # A long video, or a large one, is what all wait for in the end.
            threads = max(1, self._workers * worth // self._in_flight)
        try:
            start_forkserver()
            for path in access.writes:
                path.touch(mode=0o600, exist_ok=False)
            order = Order(self._allowed(access), self._is_confined(access.gpu))
            call = Task(
                function,
                args,
                kwargs,
                threads=threads,
                decoders=self._limits.decoders,
                profiled="PROFILE_JSON" in os.environ,
            )
            task = pickle.dumps(call)
            with self._slots:
                answer, report = self._done(order, task)
            cpu_time.charge(report.in_all_s if report else 0.0)
        finally:
            with self._lock:
                self._in_flight -= worth
        answers.check_written(access.writes, self._limits)
        # Who says too much is ended for it.
        if len(answer) <= ANSWER_BYTES and (report is None or report.exit):
            answers.raise_ended(report, access.cpu_s)
        kind = get_type_hints(function)["return"]
        return answers.value_of(answer, kind, self._limits)  # type: ignore[no-any-return]

    def confined_parts(self) -> dict[str, bool]:
        """Return what confines workers, and whether it confined all of them, by a short name."""
        missing = unconfined_parts()
        wanted = self._sandboxing != "off" and not self._used_gpu
        return {
            name: wanted and part not in missing
            for name, part in {"landlock": LANDLOCK, "seccomp": SECCOMP}.items()
        }

    def close(self) -> None:
        """End the workers; those who wait for them see them killed."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _allowed(self, access: Access) -> Allowed:
        return Allowed(
            reads=str(access.reads.resolve()) if access.reads else None,
            writes=tuple(str(path.resolve()) for path in access.writes),
            memory_bytes=self._limits.decode_memory_mb * 2**20,
            written_bytes=self._limits.max_written_mb * 10**6,
            cpu_s=access.cpu_s,
        )

    def _is_confined(self, gpu: bool) -> bool:
        """Return whether the task is confined as far as this machine can; warn once if it is not.

        Raises:
            ConfigurationError: VP_SANDBOX=require, and this machine cannot.
        """
        if self._sandboxing == "off":
            return False
        missing = sorted(unconfined_parts())
        gpu = gpu and has_gpu()
        if gpu and self._sandboxing == "best":
            self._used_gpu = True
        if gpu:
            missing = ["decoding on a GPU, whose driver does not work confined"]
        if not missing:
            return True
        lacking = "; ".join(missing)
        if self._sandboxing == "require":
            raise ConfigurationError(
                f"VP_SANDBOX=require: decoders cannot be confined here: {lacking}; "
                "VP_SANDBOX=best goes without"
            )
        with self._lock:
            known, self._warned = lacking in self._warned, {*self._warned, lacking}
        if not known:
            log.warning(
                "decoders are less confined than they could be: %s; VP_SANDBOX=off silences this",
                lacking,
            )
        return not gpu

    def _done(self, order: Order, task: bytes) -> tuple[bytes, Report | None]:
        """Have a warden run the task; return the answer, and how it ended if that is known."""
        reader, writer = os.pipe()
        # Whatever becomes of a worker, nobody waits for it once its warden is gone.
        os.set_blocking(reader, False)
        try:
            connection = warden(writer)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        with closing(connection), FileIO(reader) as answer:
            with self._lock:
                self._connections.add(connection)
            try:
                with suppress(BrokenPipeError):
                    send_task(connection, order, task)
                return self._awaited(connection, answer)
            finally:
                with self._lock:
                    self._connections.discard(connection)

    def _awaited(self, connection: socket.socket, answer: FileIO) -> tuple[bytes, Report | None]:
        deadline = time.monotonic() + self._limits.decode_timeout_s
        timed_out = False
        said, reported = bytearray(), b""
        poll = select.poll()
        poll.register(answer, select.POLLIN)
        poll.register(connection, select.POLLIN)
        while True:
            left = None if timed_out else max(0.0, deadline - time.monotonic())
            ready = poll.poll(None if left is None else min(left, _LONGEST_POLL_S) * 1000)
            if not ready and not timed_out and time.monotonic() >= deadline:
                # The warden then ends the worker, and says so.
                timed_out = True
                connection.shutdown(socket.SHUT_WR)
            for descriptor, _ in ready:
                if descriptor == connection.fileno():
                    part = connection.recv(_REPORT_BYTES)
                    reported += part
                    if part:
                        continue
                    while rest := answer.read(_READ_BYTES):
                        said += rest
                    if timed_out:
                        raise answers.timed_out(self._limits)
                    return bytes(said), report_of(reported)
                said += (part := answer.read(_READ_BYTES) or b"")
                if not part:
                    poll.unregister(answer)
                elif len(said) > ANSWER_BYTES:
                    connection.shutdown(socket.SHUT_WR)
                    poll.unregister(answer)
