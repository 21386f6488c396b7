"""The near end of the process that workers are forked from (`components.running.nursery`).

It is started once for each process that has something decoded, ends with it, and gives a warden for
each task: a process that runs the worker and tells how it ended.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

from components.errors import TransientError
from components.pipeline import components
from components.running.nursery import environment

_LINE_BYTES = 4096
_START = "import sys; sys.path[:] = {path!r}\nfrom components.running.nursery import main\n"


class _Nursery:
    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair()
        path = [entry or str(Path.cwd()) for entry in sys.path]
        start = _START.format(path=path)
        with theirs:
            # Not a number of standard streams, which this process may have closed.
            control = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, 3)
        try:
            # With a session of its own, so that Ctrl-C reaches this process and no video.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", f"{start}main({control}, {_what_decodes()})"],
                env=environment(),
                stdin=subprocess.DEVNULL,
                pass_fds=[control],
                start_new_session=True,
            )
        finally:
            os.close(control)
        self._missing: frozenset[str] | None = None
        self._lock = threading.Lock()

    def missing(self) -> frozenset[str]:
        """Return the parts of the confinement that do not work here, once it is known."""
        with self._lock:
            if self._missing is None:
                said = b""
                while not said.endswith(b"\n"):
                    part = self._orders.recv(_LINE_BYTES)
                    if not part:
                        raise TransientError(
                            "the process that decoders are forked from did not start; the lines "
                            "above say why"
                        )
                    said += part
                self._missing = frozenset(json.loads(said))
            return self._missing

    def warden(self, answer: int) -> socket.socket:
        self.missing()
        mine, theirs = socket.socketpair()
        try:
            with theirs, self._lock:
                socket.send_fds(self._orders, [b"w"], [theirs.fileno(), answer])
        except OSError:
            mine.close()
            raise
        return mine

    def close(self) -> None:
        """End it; workers under way end by themselves, with the connections of this process."""
        self._orders.close()
        self._process.kill()
        self._process.wait()


_lock = threading.Lock()


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
    with _lock:
        _nursery(os.getpid())


def unconfined_parts() -> frozenset[str]:
    """Return what confines workers elsewhere and not here (see `components.running.sandbox`).

    Raises:
        TransientError: the process that workers are forked from does not start.
    """
    start_forkserver()
    return _nursery(os.getpid()).missing()


def warden(answer: int) -> socket.socket:
    """Return a connection to a new warden, whose worker will write to the pipe `answer`.

    Raises:
        TransientError: the process that workers are forked from does not start.
    """
    start_forkserver()
    nursery = _nursery(os.getpid())
    try:
        return nursery.warden(answer)
    except OSError:
        # Ended from outside, for want of memory for instance: in years somebody does.
        _forget(nursery)
        start_forkserver()
        return _nursery(os.getpid()).warden(answer)


def _forget(ended: _Nursery) -> None:
    with _lock:
        if _nursery(os.getpid()) is ended:
            _nursery.cache_clear()
            atexit.unregister(ended.close)
            ended.close()


def _what_decodes() -> list[str]:
    """Return the modules whose functions workers call."""
    return [
        f"components.{each.name}.run" for each in components() if each.decodes and not each.runs
    ]
