"""What the ledger knows of a video."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from components.records.manifest import Entry
from components.records.videos import RecordedVideo

State = Literal["done", "rejected", "failed", "requested"]

_UNDER_WAY = "now"
_LATEST = datetime.max.replace(tzinfo=UTC)


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
    """Which bookings are asked for; empty stands for any.

    Those of a platform, in a state, stopped for a reason, booked last by a run, and with `contains`
    in platform/code, whatever the case.
    """

    platform: str = ""
    state: str = ""
    reason: str = ""
    contains: str = ""
    run: str = ""

    def fits(self, booking: Booking) -> bool:
        """Return whether the booking is one of them."""
        return (
            self.platform in ("", booking.platform)
            and self.state in ("", booking.state)
            and self.reason in ("", booking.reason)
            and self.run in ("", booking.run)
            and self.contains.lower() in booking.video.lower()
        )


@dataclass(frozen=True)
class Place:
    """Where a booking stands among all, the latest first; those of one moment by key in S3.

    `at` is None for a video that a run works on and that was never booked: it stands before all.
    A page that begins after a place neither repeats nor skips anything while others are booked,
    which only ever come before it.
    """

    at: datetime | None
    video: str

    @classmethod
    def of(cls, booking: Booking) -> Self:
        """Return the place of a booking."""
        return cls(booking.updated_at, booking.video)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the place that was written as `str` writes it.

        Raises:
            ValueError: the text is not one.
        """
        moment, _, video = text.partition(" ")
        try:
            at = datetime.fromisoformat(moment) if moment != _UNDER_WAY else None
        except ValueError:
            video = ""
        if "/" not in video or (at and at.tzinfo is None):
            raise ValueError(f"expected a time and platform/code, found {text!r}")
        return cls(at, video)

    def __str__(self) -> str:
        moment = self.at.astimezone(UTC).isoformat() if self.at else _UNDER_WAY
        # A plus would be a space in a query string that nobody quoted.
        return f"{moment.replace('+00:00', 'Z')} {self.video}"

    @property
    def order(self) -> tuple[bool, timedelta, str]:
        """By which places are sorted."""
        age = _LATEST - self.at if self.at else timedelta(0)
        return self.at is not None, age, f"{self.video}/"


@dataclass(frozen=True)
class Event:
    """Something that happened to a video, as the ledger keeps it for good."""

    at: datetime
    event: str
    run: str | None
    details: dict[str, Any]
