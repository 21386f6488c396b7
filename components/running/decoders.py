"""Decoding in worker processes, so that a hostile video costs itself and nothing else.

A worker has one task: a function, a file to read, files to fill. It is forked for it from a
process that never held a secret (`components.running.nursery`), is confined to it
(`components.running.sandbox`), and answers in JSON, which is validated here: nothing that it says
is run, and nothing but these files is within its reach. One that crashes, hangs or eats memory
raises a VideoRejectedError with the reason.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import pickle
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NoReturn, ParamSpec, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from components.base import cpu_time, profiling
from components.base.logs import log
from components.errors import (
    ConfigurationError,
    Reason,
    TransientError,
    VideoRejectedError,
    WorkerFaultError,
)
from components.pipeline import components
from components.records.record import Record
from components.running.nursery import Order, Task, environment, send_task
from components.running.sandbox import LANDLOCK, SECCOMP, Allowed
from components.settings import LimitSettings

P = ParamSpec("P")
T = TypeVar("T")

Sandboxing = Literal["require", "best", "off"]

# Frames of a video of hours, with their sketches, take a tenth of it.
_ANSWER_BYTES = 64 * 2**20
_REPORT_BYTES = 4096
_READ_BYTES = 2**16
_START_NURSERY = "import sys; sys.path[:] = {path!r}\nfrom components.running.nursery import main\n"


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


class _Fault(Record):
    kind: Literal["memory", "internal"]
    error: str = ""
    errno: int | None = None
    message: str = ""
    traceback: str = ""


class _Answer(Record):
    """What a worker says; `value` is JSON of what the function returns."""

    value: str | None = None
    rejected: tuple[Reason, str] | None = None
    fault: _Fault | None = None
    messages: list[str]
    spans: list[dict[str, Any]]


class _Report(Record):
    """What a warden says of its worker's end; `exit` is minus the signal that ended it.

    `cpu_s` are the worker's CPU seconds, `in_all_s` those of its programs, too.
    """

    exit: int
    cpu_s: float
    in_all_s: float


class _Nursery:
    """The process that workers are forked from, at this end."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair()
        path = [entry or str(Path.cwd()) for entry in sys.path]
        start = _START_NURSERY.format(path=path)
        with theirs:
            # With a session of its own, so that Ctrl-C reaches this process and no video.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", f"{start}main({theirs.fileno()}, {_what_decodes()})"],
                env=environment(),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._missing: frozenset[str] | None = None
        self._lock = threading.Lock()

    def missing(self) -> frozenset[str]:
        """Return the parts of the confinement that do not work here, once it is known."""
        with self._lock:
            if self._missing is None:
                said = b""
                while not said.endswith(b"\n"):
                    part = self._orders.recv(_REPORT_BYTES)
                    if not part:
                        raise TransientError(
                            "the process that decoders are forked from did not start; the lines "
                            "above say why"
                        )
                    said += part
                self._missing = frozenset(json.loads(said))
            return self._missing

    def warden(self, answer: int) -> socket.socket:
        """Return a connection to a new warden, whose worker will write to the pipe `answer`."""
        self.missing()
        mine, theirs = socket.socketpair()
        with theirs, self._lock:
            socket.send_fds(self._orders, [b"w"], [theirs.fileno(), answer])
        return mine

    def close(self) -> None:
        """End it; workers under way end by themselves, with the connections of this process."""
        self._orders.close()
        self._process.kill()
        self._process.wait()


_nursery_lock = threading.Lock()


@cache
def _nursery(process: int) -> _Nursery:  # noqa: ARG001, the key of the cache
    """Return the nursery of this process; a forked one has none of its parent's."""
    nursery = _Nursery()
    atexit.register(nursery.close)
    return nursery


def start_forkserver() -> None:
    """Start the process that workers are forked from; it ends with this one.

    The first worker needs it. It takes a second to import what workers use, so who will decode for
    certain starts it ahead, and has other work done meanwhile.
    """
    with _nursery_lock:
        _nursery(os.getpid())


def _what_decodes() -> list[str]:
    """Return the modules whose functions workers call."""
    return [
        f"components.{each.name}.run" for each in components() if each.decodes and not each.runs
    ]


@cache
def has_gpu() -> bool:
    """Return whether NVIDIA's driver is there."""
    return Path("/dev/nvidiactl").exists()


def unconfined_parts() -> frozenset[str]:
    """Return what confines workers elsewhere and not here (see `components.running.sandbox`)."""
    start_forkserver()
    return _nursery(os.getpid()).missing()


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
        self._in_flight = 0
        self._connections: set[socket.socket] = set()
        self._warned: set[str] = set()

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
        with self._lock:
            self._in_flight += 1
            threads = max(1, self._workers // self._in_flight)
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
                self._in_flight -= 1
        self._check_written(access)
        if len(answer) > _ANSWER_BYTES:
            raise _crashed("said more than any video has to say")
        if report is None or report.exit:
            self._raise_ended(report, access)
        return self._value(answer, get_type_hints(function)["return"])  # type: ignore[no-any-return]

    def confined_parts(self) -> dict[str, bool]:
        """Return what confines workers, and whether it does so here, by a short name."""
        missing = unconfined_parts()
        return {
            name: self._sandboxing != "off" and part not in missing
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
        missing = sorted(_nursery(os.getpid()).missing())
        gpu = gpu and has_gpu()
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

    def _done(self, order: Order, task: bytes) -> tuple[bytes, _Report | None]:
        """Have a warden run the task; return the answer, and how it ended if that is known."""
        reader, writer = os.pipe()
        try:
            connection = _nursery(os.getpid()).warden(writer)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        with closing(connection), os.fdopen(reader, "rb", buffering=0) as answer:
            with self._lock:
                self._connections.add(connection)
            try:
                with suppress(BrokenPipeError):
                    send_task(connection, order, task)
                return self._awaited(connection, answer)
            finally:
                with self._lock:
                    self._connections.discard(connection)

    def _awaited(self, connection: socket.socket, answer: Any) -> tuple[bytes, _Report | None]:
        deadline = time.monotonic() + self._limits.decode_timeout_s
        timed_out = False
        said, reported = bytearray(), b""
        poll = select.poll()
        poll.register(answer, select.POLLIN)
        poll.register(connection, select.POLLIN)
        while True:
            left = None if timed_out else max(0.0, deadline - time.monotonic())
            ready = poll.poll(None if left is None else left * 1000)
            if not ready and not timed_out:
                # The warden then ends the worker, and says so.
                timed_out = True
                connection.shutdown(socket.SHUT_WR)
            for descriptor, _ in ready:
                if descriptor == connection.fileno():
                    part = connection.recv(_REPORT_BYTES)
                    reported += part
                    if part:
                        continue
                    while part := answer.read(_READ_BYTES):
                        said += part
                    if timed_out:
                        raise self._timeout()
                    return bytes(said), _report(reported)
                part = answer.read(_READ_BYTES)
                said += part
                if not part:
                    poll.unregister(answer)
                elif len(said) > _ANSWER_BYTES:
                    connection.shutdown(socket.SHUT_WR)
                    poll.unregister(answer)

    def _check_written(self, access: Access) -> None:
        most = self._limits.max_written_mb
        for path in access.writes:
            _check_file(path)
            if path.lstat().st_size >= most * 10**6:
                raise VideoRejectedError(
                    Reason.TOO_MUCH_WRITTEN,
                    f"decoding writes more than VP_MAX_WRITTEN_MB={most}; raise it if the video is "
                    "worth it",
                )

    def _value(self, said: bytes, kind: Any) -> Any:
        try:
            answer = _Answer.model_validate_json(said)
            profiling.add_spans(answer.spans)
            for message in answer.messages:
                log.warning("%s", message)
            if answer.rejected:
                raise VideoRejectedError(*answer.rejected)
            if answer.fault:
                self._raise_fault(answer.fault)
            return TypeAdapter(kind).validate_json(answer.value or "")
        except ValidationError as error:
            raise _crashed("gave an answer that is none") from error

    def _raise_fault(self, fault: _Fault) -> NoReturn:
        if fault.kind == "memory":
            raise self._out_of_memory()
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TransientError(
                f"no space left for what decoding writes ({fault.message}); free some, or set "
                "VP_SCRATCH_DIR to a folder with more"
            )
        error = WorkerFaultError(f"{fault.error}: {fault.message}")
        error.add_note(fault.traceback)
        raise error

    def _out_of_memory(self) -> VideoRejectedError:
        return VideoRejectedError(
            Reason.OUT_OF_MEMORY,
            f"decoding needs more than {self._limits.decode_memory_mb} MB; raise "
            "VP_DECODE_MEMORY_MB if the video is worth it",
        )

    def _timeout(self) -> VideoRejectedError:
        return VideoRejectedError(
            Reason.DECODER_TIMEOUT,
            f"decoding took more than {self._limits.decode_timeout_s:g} s; raise "
            "VP_DECODE_TIMEOUT_SECS if the video is worth it",
        )

    def _raise_ended(self, report: _Report | None, access: Access) -> NoReturn:
        if report and access.cpu_s is not None and _used_up(report, access.cpu_s):
            raise VideoRejectedError(
                Reason.DECODER_TIMEOUT,
                f"decoding took more than the {access.cpu_s} s of CPU time that a video of its "
                "size and length gets; raise VP_CPU_BASE_SECS, VP_CPU_SECS_PER_MEGAPIXEL or "
                "VP_CPU_SECS_PER_MB if the video is worth it",
            )
        # Killed with SIGKILL: by the kernel for want of memory, or by somebody; not the video's
        # fault for certain, so it is tried again.
        if report is None or report.exit == -signal.SIGKILL:
            raise TransientError("the decoder was killed; check the memory of the machine or pod")
        name = signal.Signals(-report.exit).name if report.exit < 0 else report.exit
        raise _crashed(f"crashed ({name})")


def _used_up(report: _Report, cpu_s: int) -> bool:
    # SIGKILL is for who does not listen to SIGXCPU; a second is what clocks differ by.
    killed = report.exit == -signal.SIGKILL and report.cpu_s >= cpu_s - 1
    return report.exit == -signal.SIGXCPU or killed


def _report(said: bytes) -> _Report | None:
    return _Report.model_validate_json(said) if said else None


def unbelievable(what: str) -> VideoRejectedError:
    """Return the rejection for an answer that no sound worker gives, though it has the right form.

    Who is answered checks what later phases rely on, for the worker may be in hostile hands.
    """
    return _crashed(f"answered with {what}, which cannot be")


def _crashed(how: str) -> VideoRejectedError:
    return VideoRejectedError(Reason.DECODER_CRASHED, f"the decoder {how} on this video")


def _check_file(path: Path) -> None:
    """Refuse what a decoder would not make of a file: a link to elsewhere, a device, a pipe.

    Raises:
        VideoRejectedError: there is such a thing.
    """
    try:
        found = path.lstat()
    except FileNotFoundError as error:
        raise _crashed("removed its file") from error
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise _crashed("put something else in the place of its file")
