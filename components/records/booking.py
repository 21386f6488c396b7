"""What the ledger knows of a video."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from components.records.manifest import Entry
from components.records.videos import RecordedVideo

State = Literal["done", "rejected", "failed", "requested"]


@dataclass(frozen=True)
class Booking:
    """The state in which a run, or an operator's request, left a video.

    `state` is None for a video that is leased but was never booked. `attempts` counts the runs in
    a row in which it failed; `seconds` and `fingerprints` go by phase; `bytes` is the source's
    size.
    """

    platform: str
    code: str
    state: State | None
    run: str | None = None
    source: str | None = None
    etag: str | None = None
    bytes: int | None = None
    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    fingerprints: dict[str, str] = field(default_factory=dict)
    frames: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    attempts: int = 0
    updated_at: datetime | None = None
    leased_by: str | None = None
    leased_until: datetime | None = None

    @classmethod
    def of(cls, entry: Entry[Any], run: str) -> Self:
        """Return what is to be booked of a video at the end of its run."""
        video, problem = entry.video, entry.problem
        known: dict[str, Any] = {
            "platform": video.platform,
            "code": video.code,
            "source": video.source,
            "run": run,
            "seconds": entry.seconds_worked,
        }
        if problem:
            return cls(
                state=problem.kind,
                etag=entry.etag or None,
                phase=problem.phase,
                reason=problem.reason,
                message=problem.message,
                **known,
            )
        assert isinstance(entry.result, RecordedVideo)
        framed = entry.result.indexed.framed
        return cls(
            state="done",
            etag=framed.cropped.source.etag,
            bytes=framed.cropped.source.bytes,
            fingerprints=entry.fingerprints,
            frames=len(framed.frames),
            **known,
        )

    @property
    def video(self) -> str:
        """`platform/code`."""
        return f"{self.platform}/{self.code}"

    @property
    def folder(self) -> str:
        """`platform/code/`, which sorts as the keys in S3 do."""
        return f"{self.video}/"


@dataclass(frozen=True)
class Wanted:
    """Which bookings are asked for: those of a platform, in a state, stopped for a reason, and with
    `contains` in platform/code, whatever the case; empty stands for any."""

    platform: str = ""
    state: str = ""
    reason: str = ""
    contains: str = ""

    def fits(self, booking: Booking) -> bool:
        """Return whether the booking is one of them."""
        return (
            self.platform in ("", booking.platform)
            and self.state in ("", booking.state)
            and self.reason in ("", booking.reason)
            and self.contains.lower() in booking.video.lower()
        )


@dataclass(frozen=True)
class Event:
    """Something that happened to a video, as the ledger keeps it for good."""

    at: datetime
    event: str
    run: str | None
    details: dict[str, Any]
