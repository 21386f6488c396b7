"""What can go wrong with an embedded engine, beside what can go wrong with any store."""

from __future__ import annotations

from components.errors import TransientError


class HolderGoneError(TransientError):
    """The process that held the folder ended before it answered."""
