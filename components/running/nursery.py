"""The process that workers are forked from, and the one that watches over each.

The nursery is started once, with an environment that holds no secret, and imports what decodes.
For each task it forks a warden, which forks the worker. The warden reads nothing that a worker
wrote but requests to start ffmpeg; it outlives the worker by a moment, ends what that left behind,
and tells how it ended. The worker unpickles its task before it is confined, and answers in JSON.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pickle
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass
from logging import WARNING, Handler, LogRecord
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from components.base import processes, profiling
from components.base.logs import log
from components.base.standard_streams import open_standard_streams
from components.errors import ConfigurationError, VideoRejectedError
from components.running import sandbox
from components.running.sandbox import Allowed, confine

# Variables that a decoder may need; none of them names a service or holds a secret.
_HARMLESS = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
_GPU_PREFIXES = ("NVIDIA_", "CUDA_")

_LENGTHS = struct.Struct(">II")
_PROGRAMS_A_TASK = 16
_REQUEST_BYTES = 65536
# What a worker may say beside its result; whoever reads the answer holds it to the same.
MESSAGES = 20
MESSAGE_CHARACTERS = 2000
TRACEBACK_CHARACTERS = 65536
_OPENCV_NO_MEMORY = -4
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Order:
    """What the warden has to know of a task."""

    allowed: Allowed
    confined: bool


def environment() -> dict[str, str]:
    """Return what a nursery gets to see of this process's environment."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _HARMLESS or name.startswith(_GPU_PREFIXES)
    }
    # Threads that libraries would start before anything is forked.
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def send_task(connection: socket.socket, order: Order, task: bytes) -> None:
    """Send a task to the warden at the other end; `task` is a pickled `Task`."""
    header = json.dumps(asdict(order)).encode()
    connection.sendall(_LENGTHS.pack(len(header), len(task)) + header + task)


@dataclass(frozen=True)
class Task:
    """A call of a module's function, and with which of FFmpeg's decoders, in how many threads."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    threads: int
    decoders: str
    profiled: bool


def main(control: int, preload: list[str]) -> None:
    """Fork a warden for each pair of descriptors that arrives: a connection, a pipe to answer."""
    # Else these get the numbers of those that lead nowhere in a worker.
    open_standard_streams()
    # Whoever started the program may have this ignored, and then nothing can be waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    orders = socket.socket(fileno=control)
    # What modules are made of stays.
    gc.disable()
    for module in preload:
        # The image of a phase holds that of no other.
        with suppress(ModuleNotFoundError):
            importlib.import_module(module)
    _find_ffmpeg()
    sandbox.tasks_of_user()
    missing = sandbox.missing_parts()
    gc.freeze()
    gc.enable()
    # Not ignored: the kernel then forgets the seconds of what ended, and whoever measures a run
    # sees none of its decoding.
    signal.signal(signal.SIGCHLD, _wait_for_ended)
    # Whoever started it may end at any time, also before it has read the first line.
    with suppress(ConnectionError):
        orders.sendall(json.dumps(sorted(missing)).encode() + b"\n")
        _fork_wardens(orders, missing)


def _fork_wardens(orders: socket.socket, missing: frozenset[str]) -> None:
    while True:
        said, descriptors, _, _ = socket.recv_fds(orders, 1, 2)
        if not said:
            return
        if not os.fork():
            orders.close()
            with suppress(BaseException):
                _watch_over(descriptors[0], descriptors[1], missing)
            os._exit(1)
        for descriptor in descriptors:
            os.close(descriptor)


def _wait_for_ended(*_: object) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _find_ffmpeg() -> None:
    """Find ffmpeg ahead, for looking for it may mean to run it."""
    if ffmpeg := sys.modules.get("components.media.ffmpeg"):
        with suppress(ConfigurationError):
            ffmpeg.program()


class _Programs:
    """The ffmpegs of one task, started at its worker's request."""

    def __init__(self, order: Order, missing: frozenset[str], requests: socket.socket) -> None:
        self._order, self._missing, self._requests = order, missing, requests
        self._left = _PROGRAMS_A_TASK
        self.running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self) -> bool:
        """Start what the worker asks for; return whether that was a request, and a fair one.

        One at a time: each may take as much memory as the worker itself.
        """
        request, descriptors, _, _ = socket.recv_fds(self._requests, _REQUEST_BYTES, 2)
        try:
            command = json.loads(request)
            program = sys.modules["components.media.ffmpeg"].program()
            if command[0] != program or len(descriptors) != 2:
                return False
            if self.running or not self._left:
                return False
            self._left -= 1
            process = subprocess.Popen(
                [program, *map(str, command[1:])],
                stdin=descriptors[0],
                stdout=subprocess.DEVNULL,
                stderr=descriptors[1],
                preexec_fn=lambda: confine(self._order.allowed, self._missing, program),
            )
            self.running[os.pidfd_open(process.pid)] = process
        except Exception:
            # Whatever it was that the worker sent: nothing may end who watches over it.
            return False
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def ended(self, descriptor: int) -> None:
        """Tell the worker how a program ended."""
        status = self.running.pop(descriptor).wait()
        os.close(descriptor)
        with suppress(OSError):
            self._requests.send(str(status).encode())


def _watch_over(connection_descriptor: int, answer: int, missing: frozenset[str]) -> None:
    """Run one task in a worker; tell how it ended. End it where the other end closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    import ctypes

    # What a worker leaves behind becomes a child of this process.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    connection = socket.socket(fileno=connection_descriptor)
    lengths = _LENGTHS.unpack(_received(connection, _LENGTHS.size))
    header, task = (_received(connection, length) for length in lengths)
    given = json.loads(header)
    order = Order(Allowed(**given["allowed"]), given["confined"])
    if not order.confined:
        missing = frozenset({sandbox.LANDLOCK, sandbox.SECCOMP})
    requests, workers_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    worker = os.fork()
    if not worker:
        with suppress(BaseException):
            _keep_descriptors(answer, workers_end.fileno())
            _work(order.allowed, missing, task, answer, workers_end)
        os._exit(1)
    os.close(answer)
    workers_end.close()
    programs = _Programs(order, missing, requests)
    watched = os.pidfd_open(worker)
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    poll.register(connection, select.POLLIN)
    poll.register(requests, select.POLLIN)
    ended = False
    while not ended:
        for descriptor, _ in poll.poll():
            if descriptor in programs.running:
                poll.unregister(descriptor)
                programs.ended(descriptor)
            elif descriptor == requests.fileno():
                known = set(programs.running)
                if not programs.start():
                    poll.unregister(requests)
                    with suppress(OSError):
                        requests.shutdown(socket.SHUT_RDWR)
                for new in programs.running.keys() - known:
                    poll.register(new, select.POLLIN)
            else:
                ended = True
    os.kill(worker, signal.SIGKILL)
    _, status, usage = os.wait4(worker, 0)
    _end_children()
    report = {
        "exit": os.waitstatus_to_exitcode(status),
        "cpu_s": _cpu_seconds(usage),
        "in_all_s": _cpu_seconds(resource.getrusage(resource.RUSAGE_CHILDREN)),
    }
    with suppress(OSError):
        connection.sendall(json.dumps(report).encode())
    os._exit(0)


def _cpu_seconds(usage: resource.struct_rusage) -> float:
    return round(usage.ru_utime + usage.ru_stime, 3)


def _received(connection: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        part = connection.recv(count - len(content))
        if not part:
            os._exit(0)
        content += part
    return content


def _end_children() -> None:
    """End all that is below this process, until nothing is."""
    below = Path(f"/proc/self/task/{os.getpid()}/children")
    while children := below.read_text().split():
        for child in children:
            with suppress(OSError):
                os.kill(int(child), signal.SIGKILL)
                os.waitpid(int(child), 0)


def _keep_descriptors(*kept: int) -> None:
    """Close all but these, and have the standard ones lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    last = 2
    for descriptor in sorted(kept):
        os.closerange(last + 1, descriptor)
        last = descriptor
    os.closerange(last + 1, 1 << 20)


class _Kept(Handler):
    """Keeps what is logged, for the process that may write it somewhere."""

    def __init__(self) -> None:
        super().__init__(WARNING)
        self.messages: list[str] = []

    def emit(self, record: LogRecord) -> None:
        if len(self.messages) < MESSAGES:
            self.messages.append(record.getMessage()[:MESSAGE_CHARACTERS])


def _work(
    allowed: Allowed,
    missing: frozenset[str],
    pickled: bytes,
    answer: int,
    launcher: socket.socket,
) -> None:
    kept = _Kept()
    log.addHandler(kept)
    log.propagate = False
    parts: dict[str, Any] = {}
    try:
        # The last thing from outside that is believed, and before there is anything to steal.
        task: Task = pickle.loads(pickled)  # noqa: S301
        returned = TypeAdapter(get_type_hints(task.function)["return"])
        if task.profiled:
            profiling.keep_spans()
        if video := sys.modules.get("components.media.video"):
            video.share_cores(task.threads)
            sys.modules["components.media.allowed"].allow_decoders(task.decoders)
        processes.launch_through(launcher)
        confine(allowed, missing)
        value = task.function(*task.args, **task.kwargs)
        parts["value"] = returned.dump_json(value).decode()
    except VideoRejectedError as error:
        parts["rejected"] = (error.reason.value, error.message[:MESSAGE_CHARACTERS])
    except MemoryError:
        parts["fault"] = {"kind": "memory"}
    except Exception as error:
        parts["fault"] = _fault(error)
    parts["messages"] = kept.messages
    parts["spans"] = profiling.kept_spans()
    with suppress(BrokenPipeError), os.fdopen(answer, "wb") as pipe:
        pipe.write(json.dumps(parts).encode())
    os._exit(0)


def _fault(error: Exception) -> dict[str, Any]:
    if getattr(error, "code", None) == _OPENCV_NO_MEMORY:
        return {"kind": "memory"}
    return {
        "kind": "internal",
        "error": type(error).__name__[:100],
        "errno": getattr(error, "errno", None),
        "message": str(error)[:MESSAGE_CHARACTERS],
        "traceback": traceback.format_exc()[-TRACEBACK_CHARACTERS:],
    }
