"""What the API answers with, beside what commands print with `--json`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from components.records.booking import Booking, Event
from components.records.record import Record
from components.records.videos import Rectangle
from components.records.watch import WatchNotice
from workflows.operations.runs.report import PastRun

Order = Literal["name", "newest"]


class ListedVideo(Record):
    """A video in the list: what is booked of it, and for one that stopped what to do about it."""

    video: str
    platform: str
    code: str
    state: str | None
    phase: str | None
    reason: str | None
    message: str | None
    remedy: str | None
    frames: int | None
    attempts: int
    run: str | None
    booked_at: datetime | None


class VideoPage(Record):
    """Some videos, in the order of their names or the newest first.

    `next` is the `after` of the page that follows.
    """

    videos: tuple[ListedVideo, ...]
    next: str | None
    order: Order = "name"


class RunPage(Record):
    """Some runs, the newest first; `next` is the `after` of the page that follows."""

    runs: tuple[PastRun, ...]
    next: str | None


class LibraryFrame(Record):
    """A frame that represents the video, or was dropped as the near-duplicate of `duplicate_of`.

    `width` and `height` are in pixels, 0 where an earlier version did not note them; `url` is None
    for a dropped one whose picture is not kept.
    """

    number: int
    second: float
    scene_start: float | None
    scene_end: float | None
    kept: bool
    duplicate_of: int | None
    width: int
    height: int
    url: str | None


class PhaseTime(Record):
    """A phase that the video passed in its last run; `seconds` is None where it was reused."""

    phase: str
    seconds: float | None
    reused: bool


class LibraryVideo(Record):
    """All that is known of one video.

    `duration` is in seconds; `width` and `height` are the source's in pixels as displayed, and
    `crop` lies within them. What only a done video has is None, or empty, of another.
    """

    listed: ListedVideo
    booking: Booking | None
    events: tuple[Event, ...]
    duration: float | None
    width: int | None
    height: int | None
    codec: str | None
    crop: Rectangle | None
    model: str | None
    duplicates_removed: int | None
    phases: tuple[PhaseTime, ...]
    frames: tuple[LibraryFrame, ...]
    url: str


class ListedWatch(Record):
    """A standing question.

    `webhook` is the host that new moments are sent to: the rest of the address may be a secret.
    `runs` is of how many runs it was asked; `last_run` is the latest of them.
    """

    name: str
    text: str
    confidence: float
    platform: str | None
    webhook: str | None
    added_at: str
    runs: int
    last_run: str | None


class WatchList(Record):
    """The standing questions, by name."""

    watches: tuple[ListedWatch, ...]


class WatchPage(Record):
    """A standing question with what it found, the latest run first.

    `next` is the `after` of the page that follows, which may be there though this one is not full.
    """

    watch: ListedWatch
    notices: tuple[WatchNotice, ...]
    next: str | None
