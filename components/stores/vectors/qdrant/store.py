"""Qdrant as a vector store: the collections behind the alias that readers use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Self

from qdrant_client import models

from components.errors import ConfigurationError, TransientError
from components.settings import IndexSettings
from components.stores.vectors.naming import collection_name, prefix, previous
from components.stores.vectors.qdrant import aliases, schema
from components.stores.vectors.qdrant.collection import QdrantCollection
from components.stores.vectors.qdrant.connection import QdrantConnection
from components.stores.vectors.store import Collection, Member, Role

_POLL_S = 1.0


class QdrantStore:
    """A Qdrant server, or the embedded Qdrant.

    `components.stores.vectors.store.VectorStore` says what each method does.
    """

    def __init__(self, connection: QdrantConnection) -> None:
        self._connection = connection
        self._by_alias = QdrantCollection(connection)
        self.where = connection.where
        self.alias = connection.settings.collection

    @classmethod
    def open(cls, settings: IndexSettings) -> Self:
        """Connect to the server at QDRANT_URL, or open the embedded Qdrant in that folder.

        Raises:
            ConfigurationError: QDRANT_URL is not set.
            TransientError: another process uses the embedded Qdrant.
        """
        return cls(QdrantConnection.open(settings))

    def close(self) -> None:
        self._connection.close()

    def collection(self) -> QdrantCollection:
        return self._by_alias

    def current(self) -> QdrantCollection | None:
        name = aliases.target(self._connection, self.alias)
        if name == self.alias:
            raise ConfigurationError(
                f"{self.alias!r} is a collection and no alias, so its model cannot be switched; "
                "set QDRANT_COLLECTION to a new name, then type oriane model prepare and oriane "
                "model switch, which book the videos under that name"
            )
        return QdrantCollection(self._connection, name) if name else None

    def previous(self) -> QdrantCollection | None:
        name = aliases.targets(self._connection).get(previous(self.alias))
        return QdrantCollection(self._connection, name) if name else None

    def members(self) -> Iterator[Member]:
        for name, role in self._roles():
            yield self._member(name, role)

    def collections(self) -> Iterator[QdrantCollection]:
        for name, _ in self._roles():
            yield QdrantCollection(self._connection, name)

    def _roles(self) -> list[tuple[str, Role]]:
        client, found = self._connection.client, aliases.targets(self._connection)
        roles: dict[str, Role] = {}
        for collection in self._connection.call(client.get_collections).collections:
            if collection.name.startswith(prefix(self.alias)):
                roles[collection.name] = "prepared"
        if former := found.get(previous(self.alias)):
            roles[former] = "previous"
        if now := aliases.target(self._connection, self.alias):
            roles[now] = "current"
        return sorted(roles.items())

    def find(self, model: str, dim: int | None) -> QdrantCollection:
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
        return QdrantCollection(self._connection, fitting[0].name)

    def begin(self, model: str, dim: int) -> QdrantCollection:
        name = collection_name(self.alias, model, dim)
        schema.create(self._connection, name, model, dim, deferred=True)
        collection = QdrantCollection(self._connection, name)
        collection.ensure(model, dim)
        return collection

    def finish(self, collection: Collection) -> None:
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

    def switch(self, to: Collection) -> None:
        current = self.current()
        changes: dict[str, str | None] = {self.alias: to.name}
        if current:
            changes[previous(self.alias)] = current.name
        aliases.point(self._connection, changes)

    def roll_back(self, to: Collection) -> None:
        changes = {self.alias: to.name, previous(self.alias): None}
        aliases.point(self._connection, changes)

    def _info(self, name: str) -> models.CollectionInfo:
        return self._connection.call(self._connection.client.get_collection, name)

    def _member(self, name: str, role: Role) -> Member:
        info = self._info(name)
        model: str | None = None
        dim: int | None = None
        try:
            dim = schema.dimensions(name, info)
            model = QdrantCollection(self._connection, name).model()
        except ConfigurationError:
            pass  # somebody else's; the listing shows it without a model
        return Member(
            name=name,
            role=role,
            model=model,
            dim=dim,
            points=info.points_count or 0,
            status=info.status.value,
        )
