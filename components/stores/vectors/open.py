"""Opens the vector store that the settings name, or only asks which model made it."""

from __future__ import annotations

from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from components.base.install_line import install_line
from components.base.logs import log
from components.errors import ConfigurationError
from components.settings import IndexSettings
from components.stores.vectors.edge import catalogue
from components.stores.vectors.store import Indexed, VectorStore


def open_store(settings: IndexSettings) -> VectorStore:
    """Connect to the server at QDRANT_URL, or open the embedded Qdrant in that folder.

    Raises:
        ConfigurationError: QDRANT_URL is not set, the folder is damaged, or of another engine.
        TransientError: another process uses the embedded Qdrant and does not answer.
    """
    if settings.embedded and _engine(settings) == "edge":
        from components.stores.vectors.edge.store import EdgeStore

        return EdgeStore.open(settings)
    from components.stores.vectors.qdrant.store import QdrantStore

    return QdrantStore.open(settings)


def indexed_model(settings: IndexSettings) -> Indexed | None:
    """Return what the collection that the settings name was made with; None before there is one.

    An embedded Qdrant is not opened for that, unless its collection was made by an earlier version,
    which wrote the model into the points alone.

    Raises:
        ConfigurationError: the store refuses, or the collection is not one of frames.
        TransientError: it does not answer, or another process uses it.
    """
    if settings.embedded:
        folder = Path(settings.url or "")
        is_known, found = _declared(folder, settings.collection)
        if is_known:
            return found
    with closing(open_store(settings)) as store:
        collection = store.collection()
        model = collection.model()
        return Indexed(model, collection.dim()) if model else None


def _declared(folder: Path, name: str) -> tuple[bool, Indexed | None]:
    """Return whether the folder's catalogue tells what made a collection, and what it tells."""
    if catalogue.is_there(folder):
        entry = catalogue.entry(folder, name)
        if entry is None or entry.model:
            return True, Indexed(entry.model, entry.dim) if entry and entry.model else None
        return False, None
    from components.stores.vectors.qdrant.embedded import collection_config

    config = collection_config(folder, name)
    if config is None:
        return True, None
    model = (config.get("metadata") or {}).get("model")
    return bool(model), Indexed(str(model), int(config["vectors"]["size"])) if model else None


def _engine(settings: IndexSettings) -> Literal["edge", "local"]:
    """Return which engine opens the folder.

    Raises:
        ConfigurationError: its collections are Edge's, and Edge is not to be had or not wanted.
    """
    is_edges = catalogue.is_there(Path(settings.url or ""))
    if find_spec("qdrant_edge") is None:
        if is_edges:
            raise ConfigurationError(
                f"{settings.url} holds collections of Qdrant Edge, which is not installed (no "
                f"module qdrant_edge); type {install_line('index')}, or set QDRANT_URL to another "
                "folder"
            )
        if settings.engine == "edge":
            log.warning(
                "Qdrant Edge is not installed here (no module qdrant_edge); %s is opened by "
                "qdrant-client's local mode, for one process at a time",
                settings.url,
            )
        return "local"
    if settings.engine == "local" and is_edges:
        raise ConfigurationError(
            f"{settings.url} holds collections of Qdrant Edge; leave QDRANT_EMBEDDED_ENGINE unset, "
            "or set QDRANT_URL to another folder"
        )
    return settings.engine
