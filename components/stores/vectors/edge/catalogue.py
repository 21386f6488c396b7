"""The catalogue of the embedded engine: a file that appears whole, read without opening anything.

A plan that asks which model made a collection needs neither the engine nor its lock.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from components.errors import ConfigurationError
from components.stores.vectors.edge.requests import Catalogue, CollectionEntry

_FILE = "edge.json"


def is_there(folder: Path) -> bool:
    """Return whether the folder holds collections of this engine."""
    return (folder / _FILE).exists()


def read(folder: Path) -> Catalogue:
    """Return the catalogue; an empty one where there is none.

    Raises:
        ConfigurationError: it cannot be understood.
    """
    path = folder / _FILE
    try:
        return Catalogue.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Catalogue()
    except (OSError, ValidationError) as error:
        raise ConfigurationError(
            f"{path} is not the catalogue of an embedded Qdrant ({type(error).__name__}); "
            f"restore {folder} from a backup, or move it away and type oriane run, which indexes "
            "anew what S3 holds"
        ) from error


def write(folder: Path, catalogue: Catalogue) -> None:
    """Replace the catalogue in one step that survives the loss of power."""
    unfinished = folder / f"{_FILE}.new"
    with unfinished.open("wb") as file:
        file.write(catalogue.model_dump_json(indent=1).encode())
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / _FILE)
    sync(folder)


def entry(folder: Path, name: str) -> CollectionEntry | None:
    """Return how the collection behind an alias, or of this name, was made; None without one.

    Raises:
        ConfigurationError: the catalogue cannot be understood.
    """
    catalogue = read(folder)
    return catalogue.collections.get(catalogue.aliases.get(name, name))


def sync(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
