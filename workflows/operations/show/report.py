"""What `oriane show --json` prints."""

from __future__ import annotations

from components.records.booking import Booking, Event
from components.records.record import Record
from components.records.videos import Rectangle


class ShownFrame(Record):
    """A frame that was kept; `location` is its file, or its s3:// URI, to be opened."""

    number: int
    second: float
    scene_start: float
    scene_end: float
    location: str


class ShownVideo(Record):
    """All that is known of a video. `duration` is in seconds; `sheet` the contact sheet's file.

    What only a done video has is None of another.
    """

    video: str
    booking: Booking | None
    events: tuple[Event, ...]
    duration: float | None = None
    crop: Rectangle | None = None
    model: str | None = None
    duplicates_removed: int | None = None
    frames: tuple[ShownFrame, ...] = ()
    sheet: str | None = None
