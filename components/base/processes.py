"""Programs that are started, directly or, where a process may not do so itself, by who may."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_ANSWER_BYTES = 4096

_launcher: socket.socket | None = None


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def launch_through(launcher: socket.socket) -> None:
    """Have programs started by the other end of `launcher` from now on (see `launched`)."""
    global _launcher  # noqa: PLW0603, a confined process has one for as long as it lives
    _launcher = launcher


def start(
    command: Sequence[str],
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
) -> Callable[[], int]:
    """Start a program that ends with this process; return what waits for its exit status.

    It inherits no more than the two files, and what it says on stdout is dropped. The caller closes
    its own ends.
    """
    if _launcher is None:
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            preexec_fn=die_with_parent,
        )
        return process.wait
    launcher = _launcher
    with Path(os.devnull).open("r+b") as nothing:
        files = [nothing if file == subprocess.DEVNULL else file for file in (stdin, stderr)]
        descriptors = [file if isinstance(file, int) else file.fileno() for file in files]
        socket.send_fds(launcher, [json.dumps(list(command)).encode()], descriptors)
    return lambda: int(launcher.recv(_ANSWER_BYTES))
