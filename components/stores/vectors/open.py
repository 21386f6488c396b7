"""Opens the vector store that the settings name."""

from __future__ import annotations

from components.settings import IndexSettings
from components.stores.vectors.store import VectorStore


def open_store(settings: IndexSettings) -> VectorStore:
    """Connect to the server at QDRANT_URL, or open the embedded Qdrant in that folder.

    Raises:
        ConfigurationError: QDRANT_URL is not set.
        TransientError: another process uses the embedded Qdrant.
    """
    from components.stores.vectors.qdrant.store import QdrantStore

    return QdrantStore.open(settings)
