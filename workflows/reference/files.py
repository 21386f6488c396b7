"""Keeps files that are rendered from code up to date."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def refresh(files: Mapping[Path, str], *, check: bool) -> bool:
    """Write the files whose text has changed; with `check` only tell which are stale.

    Returns whether all is well: with `check`, whether nothing is stale.
    """
    stale = {
        path: text for path, text in files.items() if not path.exists() or path.read_text() != text
    }
    for path, text in stale.items():
        print(f"{'stale' if check else 'written'}: {path}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return not (check and stale)
