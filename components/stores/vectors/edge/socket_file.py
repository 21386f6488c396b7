"""The socket in the folder by which its holder is reached."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "holder.sock"
_WAITING = 64


def listen(folder: Path) -> socket.socket:
    """Return a socket that listens in the folder, in place of one that a killed process left.

    Raises:
        OSError: the folder's file system has no sockets.
    """
    unfinished = f"{NAME}.{os.getpid()}"
    listener = socket.socket(socket.AF_UNIX)
    try:
        with _reachable(folder) as base:
            with suppress(FileNotFoundError):
                (folder / unfinished).unlink()
            listener.bind(f"{base}/{unfinished}")
            # Nobody can connect before it listens, and then it is for this user alone.
            (folder / unfinished).chmod(0o600)
            listener.listen(_WAITING)
            (folder / unfinished).replace(folder / NAME)
    except OSError:
        listener.close()
        raise
    return listener


def connect(folder: Path) -> socket.socket:
    """Return a connection to the folder's holder.

    Raises:
        OSError: nobody listens.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        with _reachable(folder) as base:
            connection.connect(f"{base}/{NAME}")
    except OSError:
        connection.close()
        raise
    return connection


@contextmanager
def _reachable(folder: Path) -> Iterator[str]:
    """Give a short name of the folder: addresses of sockets end at 107 bytes, paths do not."""
    if not Path("/proc/self/fd").is_dir():
        yield str(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
