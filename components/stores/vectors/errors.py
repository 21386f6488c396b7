"""What can go wrong with a collection, whichever engine holds it."""

from __future__ import annotations

from components.errors import ConfigurationError


class MissingCollectionError(ConfigurationError):
    """There is no collection or alias of this name."""


def missing(where: object, name: str) -> MissingCollectionError:
    """Return the error for a collection that a server or folder does not have."""
    return MissingCollectionError(
        f"{where} has no collection {name!r}; check QDRANT_URL and QDRANT_COLLECTION"
    )


def foreign(name: str, why: str) -> ConfigurationError:
    """Return the error for a collection that is not one of frames."""
    return ConfigurationError(
        f"collection {name!r} was made by another program ({why}); set QDRANT_COLLECTION to "
        "another name"
    )
