"""What `oriane retry --json` prints."""

from __future__ import annotations

from components.records.record import Record


class Requested(Record):
    """The videos that are due again."""

    requested: tuple[str, ...]
