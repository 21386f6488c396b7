"""Cells of CSV that a spreadsheet would compute: names of videos are other people's.

As OWASP has it (CSV Injection), such a cell begins with an apostrophe. So does one that begins with
an apostrophe itself, so that a reader gets every value back by dropping the first one.
"""

from __future__ import annotations

from typing import Any

_MARK = "'"
_COMPUTED = ("=", "+", "-", "@", "\t", "\r")


def not_computed(cell: Any) -> Any:
    """Return what to write for a cell; what is not text stays as it is."""
    if isinstance(cell, str) and cell.startswith((*_COMPUTED, _MARK)):
        return f"{_MARK}{cell}"
    return cell
