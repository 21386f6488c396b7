"""How a request and its answer cross a socket: a JSON header and, beside it, vectors as float32.

    magic and version   4 bytes  "OVE1"
    length of header    4 bytes  unsigned, little endian
    length of vectors   4 bytes  the same
    header              JSON: a request, or an answer, with the vectors' `shape`
    vectors             rows of float32, in the machine's order: both ends are on it

Nothing is unpickled or evaluated; lengths are bounded before anything is read, and headers are
validated as the records that they are.
"""

from __future__ import annotations

import os
import socket
import struct
from array import array
from itertools import chain
from typing import Literal

from pydantic import Field

from components.records.record import Record
from components.stores.vectors.edge.requests import Answer, Request, Rows

_MAGIC = b"OVE1"
_PREFIX = struct.Struct("<4sII")
_LARGEST_HEADER = 256 * 2**20
_LARGEST_VECTORS = 1024 * 2**20


ErrorKind = Literal["missing", "configuration", "transient"]


class WireError(Exception):
    """What arrives is not a message of this protocol and version."""


class Call(Record):
    """What a caller sends; `shape` is of the vectors that follow, (rows, dim)."""

    request: Request = Field(discriminator="call")
    shape: tuple[int, int] = (0, 0)


class Reply(Record):
    """What the holder sends: an answer, or an error of this kind."""

    answer: Answer | None = None
    error: ErrorKind | None = None
    message: str = ""
    shape: tuple[int, int] = (0, 0)


def shape_of(vectors: Rows) -> tuple[int, int]:
    """Return (rows, dim) of vectors; (0, 0) of none."""
    return (len(vectors), len(vectors[0])) if len(vectors) else (0, 0)


def send(connection: socket.socket, header: Call | Reply, vectors: Rows = ()) -> None:
    """Send a message.

    Raises:
        OSError: the other end is gone.
        WireError: it is longer than the other end would take.
    """
    text = header.model_dump_json().encode()
    numbers = array("f", chain.from_iterable(vectors)).tobytes()
    if len(text) > _LARGEST_HEADER or len(numbers) > _LARGEST_VECTORS:
        raise WireError(f"a message of {len(text) + len(numbers)} bytes is too long")
    connection.sendall(_PREFIX.pack(_MAGIC, len(text), len(numbers)) + text + numbers)


def receive(connection: socket.socket) -> tuple[bytes, bytes] | None:
    """Return header and vectors of the next message; None where the other end has hung up.

    Raises:
        OSError: the other end is gone in the middle.
        WireError: it is not a message of this protocol and version.
    """
    prefix = _exactly(connection, _PREFIX.size)
    if prefix is None:
        return None
    magic, header, vectors = _PREFIX.unpack(prefix)
    if magic != _MAGIC:
        raise WireError(f"expected {_MAGIC!r}, found {magic!r}")
    if header > _LARGEST_HEADER or vectors > _LARGEST_VECTORS:
        raise WireError(f"a message of {header + vectors} bytes is too long")
    text, numbers = _exactly(connection, header), _exactly(connection, vectors)
    if text is None or numbers is None:
        raise ConnectionResetError("the other end is gone")
    return text, numbers


def rows_of(numbers: bytes, shape: tuple[int, int]) -> list[list[float]]:
    """Return the vectors of a message.

    Raises:
        WireError: they are not of that shape.
    """
    count, dim = shape
    if count < 0 or dim < 0 or len(numbers) != 4 * count * dim:
        raise WireError(f"expected {count} vectors of {dim} numbers, found {len(numbers)} bytes")
    values = array("f")
    values.frombytes(numbers)
    return [values[row * dim : (row + 1) * dim].tolist() for row in range(count)]


def is_own(connection: socket.socket) -> bool:
    """Return whether the process at the other end is of this user, or of root."""
    if not hasattr(socket, "SO_PEERCRED"):
        # The kernel let it through to a socket of mode 0600 alone.
        return True
    size = struct.calcsize("3i")
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, user, _ = struct.unpack("3i", packed)
    return user in (os.geteuid(), 0)


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    parts: list[bytes] = []
    missing = size
    while missing:
        part = connection.recv(min(missing, 2**20))
        if not part:
            if parts:
                raise ConnectionResetError("the other end is gone")
            return None
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
