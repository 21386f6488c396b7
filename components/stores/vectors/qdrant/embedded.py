"""The folder of qdrant-client's local mode: its catalogue, read without opening it, and its points.

Opening it takes a lock that one process has at a time, and a second for importing the client; a
plan needs neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.base.install_line import install_line
from components.errors import ConfigurationError, PipelineError

# qdrant-client's own; a test holds it to what the client writes.
_CATALOGUE = "meta.json"
_PAGE = 500


@dataclass(frozen=True)
class OldCollection:
    """A collection with its points: `pages` gives id, vector and payload of some at a time."""

    name: str
    model: str | None
    dim: int
    pages: Iterator[list[tuple[str | int, list[float], dict[str, Any]]]]


class OldFolder:
    """A folder of the local mode that is open, to be read."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def collections(self) -> Iterator[OldCollection]:
        """Yield the collections of one unnamed vector a point, compared by cosine."""
        from components.stores.vectors.qdrant import schema

        for found in self._client.get_collections().collections:
            info = self._client.get_collection(found.name)
            yield OldCollection(
                name=found.name,
                model=schema.declared_model(info),
                dim=schema.dimensions(found.name, info),
                pages=self._pages(found.name),
            )

    def aliases(self) -> dict[str, str]:
        """Return the collection of every alias."""
        found = self._client.get_aliases().aliases
        return {alias.alias_name: alias.collection_name for alias in found}

    def _pages(self, name: str) -> Iterator[list[tuple[str | int, list[float], dict[str, Any]]]]:
        offset: Any = None
        while True:
            page, offset = self._client.scroll(
                name, limit=_PAGE, offset=offset, with_payload=True, with_vectors=True
            )
            yield [(record.id, record.vector, record.payload or {}) for record in page]
            if offset is None:
                return


@contextmanager
def opened(folder: Path) -> Iterator[OldFolder]:
    """Open a folder of the local mode.

    Raises:
        ConfigurationError: it is damaged, or qdrant-client is not installed.
        TransientError: another process uses it.
    """
    try:
        from components.stores.vectors.qdrant.connection import open_embedded
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{folder} is of an earlier version and is taken over with qdrant-client, which is not "
            f"installed (No module named 'qdrant_client'); type {install_line('index')}"
        ) from error
    try:
        client = open_embedded(folder)
    except (PipelineError, MemoryError):
        raise
    except Exception as error:
        raise ConfigurationError(
            f"{folder} is of an earlier version and damaged ({type(error).__name__}: {error}); "
            "restore it from a backup, or move it away and type oriane run, which indexes anew "
            "what S3 holds"
        ) from error
    with closing(client):
        yield OldFolder(client)


def collection_config(folder: Path, name: str) -> dict[str, Any] | None:
    """Return how the collection behind an alias, or of this name, was made; None without one.

    Raises:
        ConfigurationError: the catalogue cannot be understood.
    """
    path = folder / _CATALOGUE
    try:
        catalogue = json.loads(path.read_text())
        config: dict[str, Any] | None = catalogue["collections"].get(
            catalogue["aliases"].get(name, name)
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ConfigurationError(
            f"{path} is not the catalogue of an embedded Qdrant ({type(error).__name__}); restore "
            "the folder, or set QDRANT_URL to another"
        ) from error
    return config
