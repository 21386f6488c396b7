"""Qdrant as a vector store: the collections behind the alias that readers use."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Self

from qdrant_client import models

from components.errors import ConfigurationError, TransientError
from components.settings import IndexSettings
from components.stores.vectors.aliased import AliasedStore
from components.stores.vectors.naming import collection_name
from components.stores.vectors.qdrant import aliases, schema
from components.stores.vectors.qdrant.collection import QdrantCollection
from components.stores.vectors.qdrant.connection import QdrantConnection
from components.stores.vectors.store import Collection, Member, Role

_POLL_S = 1.0


class QdrantStore(AliasedStore[QdrantCollection]):
    """A Qdrant server, or the embedded Qdrant.

    `components.stores.vectors.store.VectorStore` says what each method does.
    """

    def __init__(self, connection: QdrantConnection) -> None:
        self._connection = connection
        super().__init__(connection.where, connection.settings.collection)

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

    def begin(self, model: str, dim: int) -> QdrantCollection:
        name = collection_name(self.alias, model, dim)
        schema.create(self._connection, name, model, dim, deferred=True)
        collection = self._collection(name)
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

    def _collection(self, name: str) -> QdrantCollection:
        return QdrantCollection(self._connection, name)

    def _names(self) -> Iterable[str]:
        client = self._connection.client
        return [one.name for one in self._connection.call(client.get_collections).collections]

    def _aliases(self) -> Mapping[str, str]:
        return aliases.targets(self._connection)

    def _point(self, changes: Mapping[str, str | None]) -> None:
        aliases.point(self._connection, changes)

    def _info(self, name: str) -> models.CollectionInfo:
        return self._connection.call(self._connection.client.get_collection, name)

    def _member(self, name: str, role: Role) -> Member:
        info = self._info(name)
        model: str | None = None
        dim: int | None = None
        try:
            dim = schema.dimensions(name, info)
            model = self._collection(name).model()
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
