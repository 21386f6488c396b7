"""The collections behind the alias that readers use: one a model and dimension."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from qdrant_client import models

from components.collection import aliases, schema
from components.collection.connection import Connection
from components.collection.frames import FrameCollection
from components.errors import ConfigurationError, TransientError

Role = Literal["current", "previous", "prepared"]

_POLL_S = 1.0


@dataclass(frozen=True)
class Member:
    """A collection behind the alias; `model` and `dim` are None where it is not one of frames."""

    name: str
    role: Role
    model: str | None
    dim: int | None
    points: int
    status: str


class CollectionFamily:
    """Finds, makes and switches the collections of one alias.

    Methods raise what `FrameCollection` raises.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.alias = connection.settings.collection

    def current(self) -> FrameCollection | None:
        """Return the collection that the alias stands for, None before there is one.

        Raises:
            ConfigurationError: the name is a collection's own, so it cannot be moved.
        """
        name = aliases.target(self._connection, self.alias)
        if name == self.alias:
            raise ConfigurationError(
                f"{self.alias!r} is a collection and no alias, so its model cannot be switched; "
                "set QDRANT_COLLECTION to a new name, then type oriane model prepare and oriane "
                "model switch, which book the videos under that name"
            )
        return FrameCollection(self._connection, name) if name else None

    def previous(self) -> FrameCollection | None:
        """Return the collection that the alias stood for before the last switch, if any."""
        name = aliases.targets(self._connection).get(aliases.previous(self.alias))
        return FrameCollection(self._connection, name) if name else None

    def members(self) -> Iterator[Member]:
        """Yield what is known of the collections behind the alias, by name."""
        for name, role in self._roles():
            yield self._member(name, role)

    def collections(self) -> Iterator[FrameCollection]:
        """Yield the collections behind the alias, whatever model they are of."""
        for name, _ in self._roles():
            yield FrameCollection(self._connection, name)

    def _roles(self) -> list[tuple[str, Role]]:
        client, found = self._connection.client, aliases.targets(self._connection)
        roles: dict[str, Role] = {}
        for collection in self._connection.call(client.get_collections).collections:
            if collection.name.startswith(schema.prefix(self.alias)):
                roles[collection.name] = "prepared"
        if former := found.get(aliases.previous(self.alias)):
            roles[former] = "previous"
        if now := aliases.target(self._connection, self.alias):
            roles[now] = "current"
        return sorted(roles.items())

    def find(self, model: str, dim: int | None) -> FrameCollection:
        """Return the collection of a model, of `dim` dimensions if given.

        Raises:
            ConfigurationError: there is none, or there are several.
        """
        fitting = [
            member
            for member in self.members()
            if member.model == model and dim in (None, member.dim)
        ]
        if not fitting:
            raise ConfigurationError(
                f"no collection is prepared for {model}; type oriane model prepare with the same "
                "--model"
            )
        if len(fitting) > 1:
            found = " and ".join(str(member.dim) for member in fitting)
            raise ConfigurationError(
                f"{model} has collections of {found} dimensions; set QDRANT_DIM to one of them"
            )
        return FrameCollection(self._connection, fitting[0].name)

    def begin(self, model: str, dim: int) -> FrameCollection:
        """Return the collection of a model, made without an index if it is not there."""
        name = schema.collection_name(self.alias, model, dim)
        schema.create(self._connection, name, model, dim, deferred=True)
        collection = FrameCollection(self._connection, name)
        collection.prepare(model, dim)
        return collection

    def finish(self, collection: FrameCollection) -> None:
        """Let Qdrant build the index, where that was put off, and wait until it is built.

        Raises:
            TransientError: Qdrant reports that it cannot.
        """
        info = self._info(collection.name)
        greens = 0 if schema.is_deferred(info) else 1
        if not greens:
            schema.build_index(self._connection, collection.name)
        while True:
            status = self._info(collection.name).status
            # For a moment after the request, Qdrant reports the state before it.
            greens = greens + 1 if status is models.CollectionStatus.GREEN else 0
            if greens == 2:
                return
            if status is models.CollectionStatus.RED:
                raise TransientError(
                    f"Qdrant reports status red for collection {collection.name!r}; see the "
                    "server's log, then try again"
                )
            if status is models.CollectionStatus.GREY:
                # After a restart, Qdrant waits for a change before it goes on with an index.
                schema.build_index(self._connection, collection.name)
            time.sleep(_POLL_S)

    def switch(self, to: FrameCollection) -> None:
        """Move the alias in one step, and remember where it was."""
        current = self.current()
        changes: dict[str, str | None] = {self.alias: to.name}
        if current:
            changes[aliases.previous(self.alias)] = current.name
        aliases.point(self._connection, changes)

    def roll_back(self, to: FrameCollection) -> None:
        """Move the alias back in one step."""
        changes = {self.alias: to.name, aliases.previous(self.alias): None}
        aliases.point(self._connection, changes)

    def _info(self, name: str) -> models.CollectionInfo:
        return self._connection.call(self._connection.client.get_collection, name)

    def _member(self, name: str, role: Role) -> Member:
        info = self._info(name)
        model: str | None = None
        dim: int | None = None
        try:
            dim = schema.dimensions(name, info)
            model = FrameCollection(self._connection, name).model()
        except ConfigurationError:
            pass  # somebody else's; the listing shows it without a model
        return Member(name, role, model, dim, info.points_count or 0, info.status.value)
