"""The alias that readers use, and the collections behind it: one a model and dimension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from qdrant_client import models

from components.stores.vectors.qdrant.connection import QdrantConnection


def targets(connection: QdrantConnection) -> dict[str, str]:
    """Return the collection of every alias."""
    answer = connection.call(connection.client.get_aliases)
    return {alias.alias_name: alias.collection_name for alias in answer.aliases}


def target(connection: QdrantConnection, name: str) -> str | None:
    """Return the collection that a name stands for, as an alias or itself; None for neither."""
    found = targets(connection).get(name)
    if found or not connection.call(connection.client.collection_exists, name):
        return found
    return name


def point(connection: QdrantConnection, changes: Mapping[str, str | None]) -> None:
    """Point aliases at collections, or at nothing (None), all of them at once."""
    connection.call(connection.client.update_collection_aliases, list(_operations(changes)))


def _operations(changes: Mapping[str, str | None]) -> Iterator[models.AliasOperations]:
    for alias, collection in changes.items():
        # Without this, moving an alias would rest on how a server treats one that exists.
        yield models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
        if collection:
            yield models.CreateAliasOperation(
                create_alias=models.CreateAlias(collection_name=collection, alias_name=alias)
            )
