"""Lists the collections behind the alias."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from components.collection.family import CollectionFamily
from components.services import Services


def collections(services: Services) -> dict[str, Any]:
    """Return what `oriane model status --json` prints.

    Raises:
        PipelineError: Qdrant cannot be used.
    """
    family = CollectionFamily(services.collection.connection)
    return {"alias": family.alias, "collections": [asdict(member) for member in family.members()]}
