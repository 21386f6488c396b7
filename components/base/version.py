"""Which version of the program this is."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """Return the installed version; `unknown` where only the source is."""
    try:
        return metadata.version("oriane")
    except metadata.PackageNotFoundError:
        return "unknown"
