"""What `oriane status --json` prints."""

from __future__ import annotations

from datetime import datetime

from components.records.booking import Booking, Event
from components.records.record import Record


class StateCount(Record):
    """The videos in one state for one reason; `latest` is when the last of them was booked."""

    state: str | None
    phase: str | None
    reason: str | None
    videos: int
    latest: datetime | None
    examples: tuple[str, ...]


class StoppedVideo(Record):
    """A video that failed or is rejected."""

    video: str
    state: str
    phase: str | None
    reason: str | None
    message: str | None
    run: str | None
    attempts: int
    booked_at: datetime | None


class Lease(Record):
    """How many videos a run works on, and until when at most."""

    run: str
    videos: int
    until: datetime


class Overview(Record):
    """How many videos are booked as what, and which runs are at work."""

    states: tuple[StateCount, ...]
    leases: tuple[Lease, ...]


class VideoStatus(Record):
    """All that is known of a video: its booking, None once it is forgotten, and its events."""

    video: str
    booking: Booking | None
    events: tuple[Event, ...]
