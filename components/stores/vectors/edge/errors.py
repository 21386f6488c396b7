"""What can go wrong with an embedded engine, beside what can go wrong with any store."""

from __future__ import annotations

from components.errors import ConfigurationError, TransientError


class MissingCollectionError(ConfigurationError):
    """There is no collection or alias of this name."""


class HolderGoneError(TransientError):
    """The process that held the folder ended before it answered."""
