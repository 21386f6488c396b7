"""What was read of a collection's points, while nothing in it changes: the latest some thousand.

The engine reads a payload or a vector in some microseconds and hands it on as Python's objects in
as many again, for hundreds of points a search, and searches find the same points again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

import numpy as np

from components.stores.vectors.edge.requests import PointId

if TYPE_CHECKING:
    from components.base.vectors import Vectors

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# About a kilobyte each.
_PAYLOADS = 65_536
_VECTORS_BYTES = 64 * 2**20


class Latest(Generic[K, V]):
    """The latest values that were asked for, at most so many; for one thread at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, keys: Sequence[K], read: Callable[[list[K]], Mapping[K, V]]) -> list[V]:
        """Return the values of those keys that are there; `read` finds what is not known."""
        values = self._values
        if missing := [key for key in keys if key not in values]:
            values.update(read(missing))
        found: list[V] = []
        for key in keys:
            value = values.get(key)
            if value is not None:
                found.append(value)
                values.move_to_end(key)
        while len(values) > self._most:
            values.popitem(last=False)
        return found


class KnownPoints:
    """Payloads, of the fields that were last asked for, and vectors; each with its point's id."""

    def __init__(self, dim: int) -> None:
        self._fields: tuple[str, ...] = ()
        self._payloads: Latest[int, tuple[PointId, dict[str, Any]]] = Latest(_PAYLOADS)
        self.vectors: Latest[PointId, tuple[PointId, Vectors]] = Latest(_VECTORS_BYTES // dim // 4)

    def payloads(self, fields: tuple[str, ...]) -> Latest[int, tuple[PointId, dict[str, Any]]]:
        """Return what is known of payloads, of these fields alone, by `number_of` an id."""
        if fields != self._fields:
            # Searches ask for the same ones; whoever asks for others begins anew.
            self._fields, self._payloads = fields, Latest(_PAYLOADS)
        return self._payloads


def number_of(identifier: int | str | UUID) -> int:
    """Return an id by which values are found in a fraction of the time that a UUID takes."""
    if isinstance(identifier, UUID):
        return identifier.int
    return identifier if isinstance(identifier, int) else UUID(identifier).int


def as_vector(numbers: Any) -> Vectors:
    """Return a vector that the engine gave, as it is kept."""
    return np.asarray(numbers, np.float32)
