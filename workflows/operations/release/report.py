"""What `oriane release --json` prints."""

from __future__ import annotations

from components.records.record import Record


class Released(Record):
    """The run, and how many videos it kept from others until now."""

    run: str
    videos: int
