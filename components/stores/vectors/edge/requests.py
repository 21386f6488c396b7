"""What can be asked of an embedded engine, by its own process or, over a socket, by another one.

Every request may be asked twice: points have ids of their own, and what is made or removed stays
so. A caller whose holder died on the way therefore asks the next one again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import Field

from components.records.record import Record

# Frames have UUIDs; other programs may number their points.
PointId = str | int
# A vector each: a list of numbers as the engine or a socket gives it, or an array.
Rows = Sequence[Any]


class Condition(Record):
    """What a payload field has to be: one of some values, within bounds, or not there."""

    field: str
    any_of: tuple[str | int, ...] | None = None
    at_least: float | None = None
    at_most: float | None = None
    # ISO 8601; `until` is the first moment that is too late.
    since: str | None = None
    until: str | None = None
    missing: bool = False


class Where(Record):
    """Which points: all of these conditions hold, and none of those."""

    all_of: tuple[Condition, ...] = ()
    none_of: tuple[Condition, ...] = ()
    without_ids: tuple[PointId, ...] = ()
    # Of each of these groups, not all may hold.
    without: tuple[tuple[Condition, ...], ...] = ()


class CollectionEntry(Record):
    """A collection: what made its vectors, their length, and its folder below the engine's."""

    model: str | None
    dim: int = Field(ge=1, le=65536)
    folder: str = Field(pattern=r"^[0-9a-f]{32}$")


class Catalogue(Record):
    """Which collections there are, and what each alias stands for."""

    version: Literal[1] = 1
    collections: dict[str, CollectionEntry] = Field(default_factory=dict)
    aliases: dict[str, str] = Field(default_factory=dict)


class GetCatalogue(Record):
    """Ask for the catalogue."""

    call: Literal["catalogue"] = "catalogue"


class Create(Record):
    """Make a collection, unless it is there."""

    call: Literal["create"] = "create"
    collection: str
    model: str | None
    dim: int = Field(ge=1, le=65536)


class PointAliases(Record):
    """Point aliases at collections, or at nothing (None), all of them at once."""

    call: Literal["aliases"] = "aliases"
    changes: dict[str, str | None]
    # Keep an alias that is there: two processes may make the first collection at once.
    unless_there: bool = False


class Count(Record):
    """Count the points of a collection."""

    call: Literal["count"] = "count"
    collection: str


class Optimize(Record):
    """Merge and clean segments, and build the HNSW graph where there are enough points."""

    call: Literal["optimize"] = "optimize"
    collection: str


class Upsert(Record):
    """Write points; their vectors come beside the request."""

    call: Literal["upsert"] = "upsert"
    collection: str
    ids: tuple[PointId, ...]
    payloads: tuple[dict[str, Any], ...]


class Describe(Record):
    """Write fields into the payloads of points that are there; their other fields stay."""

    call: Literal["describe"] = "describe"
    collection: str
    ids: tuple[PointId, ...]
    payloads: tuple[dict[str, Any], ...]


class Delete(Record):
    """Remove points by id; one that is not there is not an error."""

    call: Literal["delete"] = "delete"
    collection: str
    ids: tuple[PointId, ...]


class DeleteWhere(Record):
    """Remove the points of which this holds."""

    call: Literal["delete_where"] = "delete_where"
    collection: str
    where: Where


class Flush(Record):
    """Have what was written on the disk, not only with the kernel."""

    call: Literal["flush"] = "flush"
    collection: str


class Retrieve(Record):
    """Read points by id; those that are not there are left out."""

    call: Literal["retrieve"] = "retrieve"
    collection: str
    ids: tuple[PointId, ...]
    fields: tuple[str, ...] = ()
    vectors: bool = False


class Scroll(Record):
    """Read a page of points in order of their ids, from an id on."""

    call: Literal["scroll"] = "scroll"
    collection: str
    where: Where = Where()
    limit: int = Field(ge=1, le=100_000)
    offset: PointId | None = None
    fields: tuple[str, ...] = ()
    vectors: bool = False


class Nearest(Record):
    """Read the points nearest to the one vector that comes beside the request, best first."""

    call: Literal["nearest"] = "nearest"
    collection: str
    where: Where = Where()
    limit: int = Field(ge=1, le=100_000)
    fields: tuple[str, ...] = ()
    vectors: bool = False


Request = (
    GetCatalogue | Create | PointAliases | Count | Optimize | Upsert | Describe | Delete
    | DeleteWhere | Flush | Retrieve | Scroll | Nearest
)  # fmt: skip


# Made here of what the engine found, hundreds a search; checked where it crosses a socket.
@dataclass(slots=True)
class Row:
    """A point that was read."""

    id: PointId
    payload: dict[str, Any] = field(default_factory=dict)
    score: float = 0.0


class Answer(Record):
    """What a request came to; what it does not ask for keeps its default."""

    catalogue: Catalogue | None = None
    count: int = 0
    rows: tuple[Row, ...] = ()
    offset: PointId | None = None


@dataclass(frozen=True)
class Answered:
    """An answer with the vectors of its rows, (rows, dim), where they were asked for."""

    answer: Answer
    vectors: Rows = ()


class Engine(Protocol):
    """An embedded engine, of this process or of another one."""

    def ask(self, request: Request, vectors: Rows = ()) -> Answered:
        """Do what is asked.

        Raises:
            MissingCollectionError: it names a collection that is not there.
            ConfigurationError: a vector's length does not fit, or the folder is damaged.
            TransientError: it could not be done this time.
        """
        ...

    def close(self) -> None:
        """Release the folder, or the connection."""
        ...


def equal(values: Mapping[str, str | None]) -> tuple[Condition, ...]:
    """Return the conditions that fields have these values; None asks for nothing."""
    return tuple(
        Condition(field=field, any_of=(value,))
        for field, value in values.items()
        if value is not None
    )
