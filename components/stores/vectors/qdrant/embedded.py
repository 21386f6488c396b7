"""What the folder of an embedded Qdrant says of its collections, read without opening it.

Opening it takes a lock that one process has at a time, and a second for importing the client; a
plan needs neither.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from components.errors import ConfigurationError

# qdrant-client's own; a test holds it to what the client writes.
_CATALOGUE = "meta.json"


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
