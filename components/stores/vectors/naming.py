"""How the collections behind an alias are named, whichever engine holds them."""

from __future__ import annotations

import hashlib
import re

_LONGEST_SLUG = 80
_REVISION = re.compile(r"[0-9a-f]{12,40}")


def collection_name(alias: str, model: str, dim: int) -> str:
    """Return the name of the collection behind `alias` for one model and dimension.

    A model without a commit or content hash in its identity gets a hash, so that models of the
    same name by different owners do not meet.
    """
    name, _, mark = model.partition("@")
    if not _REVISION.fullmatch(mark):
        mark = hashlib.sha256(model.encode()).hexdigest()[:12]
    slug = re.sub(r"[^a-z0-9]+", "-", name.rpartition("/")[2].lower()).strip("-")
    return f"{prefix(alias)}{slug[:_LONGEST_SLUG]}-{mark[:12]}-{dim}"


def prefix(alias: str) -> str:
    """Return how the names of all collections behind `alias` begin."""
    return f"{alias}--"


def previous(alias: str) -> str:
    """Return the alias of the collection that `alias` stood for before the last switch."""
    return f"{alias}--previous"
