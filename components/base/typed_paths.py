"""Paths as they are shown: short, and such that they can be typed as they stand."""

from __future__ import annotations

import os
from pathlib import Path


def typed_path(path: str | Path) -> str:
    """Return the path relative to the current folder if it lies below that, else as it is."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
