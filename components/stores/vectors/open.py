"""Opens the vector store that the settings name, or only asks which model made it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from components.settings import IndexSettings
from components.stores.vectors.store import Indexed, VectorStore


def open_store(settings: IndexSettings) -> VectorStore:
    """Connect to the server at QDRANT_URL, or open the embedded Qdrant in that folder.

    Raises:
        ConfigurationError: QDRANT_URL is not set.
        TransientError: another process uses the embedded Qdrant.
    """
    from components.stores.vectors.qdrant.store import QdrantStore

    return QdrantStore.open(settings)


def indexed_model(settings: IndexSettings) -> Indexed | None:
    """Return what the collection that the settings name was made with; None before there is one.

    An embedded Qdrant is not opened for that, so it may be in use by another process, unless its
    collection was made by an earlier version, which wrote the model into the points alone.

    Raises:
        ConfigurationError: the store refuses, or the collection is not one of frames.
        TransientError: it does not answer, or another process uses it.
    """
    if settings.embedded:
        from components.stores.vectors.qdrant.embedded import collection_config

        config = collection_config(Path(settings.url or ""), settings.collection)
        if config is None:
            return None
        if model := (config.get("metadata") or {}).get("model"):
            return Indexed(str(model), int(config["vectors"]["size"]))
    with closing(open_store(settings)) as store:
        collection = store.collection()
        found = collection.model()
        return Indexed(found, collection.dim()) if found else None
