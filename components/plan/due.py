"""Which videos are due, and why: what is booked against how videos and settings are now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby

from components.base.logs import log
from components.errors import ConfigurationError
from components.records.booking import Booking
from components.records.videos import Video
from components.running.fingerprint import Fingerprints
from components.settings import Settings


class Why(StrEnum):
    """Why a video is to be processed; in this order where not all can be taken."""

    GIVEN = "given"
    NEW = "new"
    CHANGED = "changed"
    REQUESTED = "requested"
    RETRY = "retry"
    STALE = "stale"


class Left(StrEnum):
    """Why a video is left alone."""

    BOOKED = "booked"
    WAITING = "waiting"
    GIVEN_UP = "given_up"
    LEASED = "leased"
    TOO_YOUNG = "too_young"
    OVER_LIMIT = "over_limit"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A video that may be due; what is not known of its source is None."""

    video: Video
    etag: str | None = None
    size: int = 0
    modified: datetime | None = None

    @property
    def folder(self) -> str:
        """`platform/code/`, which sorts as the keys in S3 do."""
        return f"{self.video}/"


@dataclass(frozen=True, slots=True)
class Due:
    """A candidate to be processed; `stale_from` is the first phase whose result is stale."""

    candidate: Candidate
    why: Why
    stale_from: str | None = None


class Judge:
    """Judges candidates by their bookings, as of one moment."""

    def __init__(self, settings: Settings, run: str, now: datetime) -> None:
        self._settings, self._run, self._now = settings, run, now
        self._fingerprints: Fingerprints | None = None
        try:
            self._fingerprints = Fingerprints(settings)
        except ConfigurationError as error:
            log.warning("plan: cannot tell which videos are stale: %s", error)

    def judge(self, candidate: Candidate, booking: Booking | None) -> Due | Left:
        """Tell why the candidate is due, or why it is not."""
        if booking and booking.leased_by and booking.leased_by != self._run:
            return Left.LEASED
        if booking is None or booking.state is None:
            return Due(candidate, Why.NEW)
        if candidate.etag and booking.etag and candidate.etag != booking.etag:
            return Due(candidate, Why.CHANGED)
        return self._unchanged(candidate, booking)

    def _unchanged(self, candidate: Candidate, booking: Booking) -> Due | Left:
        if booking.state == "requested":
            return Due(candidate, Why.REQUESTED)
        if booking.state == "failed":
            return self._retried(candidate, booking)
        if booking.state == "done" and (phase := self._stale_from(candidate, booking)):
            return Due(candidate, Why.STALE, phase)
        return Left.BOOKED

    def _retried(self, candidate: Candidate, booking: Booking) -> Due | Left:
        plan = self._settings.plan
        if booking.attempts >= plan.retry_limit:
            return Left.GIVEN_UP
        assert booking.updated_at
        wait = timedelta(hours=plan.retry_backoff_h * 2 ** max(0, booking.attempts - 1))
        return Left.WAITING if booking.updated_at + wait > self._now else Due(candidate, Why.RETRY)

    def _stale_from(self, candidate: Candidate, booking: Booking) -> str | None:
        """Return the first phase that would not come to the same result today."""
        if not self._fingerprints or not booking.etag:
            return None
        source = booking.source or candidate.video.source
        wanted = self._fingerprints.of(source, booking.etag)
        for phase, mark in wanted.items():
            if booking.fingerprints.get(phase, mark) != mark:
                return phase
        return None


def joined(
    candidates: Iterable[Candidate], bookings: Iterable[Booking]
) -> Iterator[tuple[Candidate, Booking | None]]:
    """Yield each candidate with its booking; both come in the order of their folders.

    They are read side by side, so memory does not grow with their number.
    """
    booked = _by_folder(bookings)
    folder, booking = next(booked, (None, None))
    for candidate in candidates:
        while folder is not None and folder < candidate.folder:
            folder, booking = next(booked, (None, None))
        yield candidate, booking if folder == candidate.folder else None


def _by_folder(bookings: Iterable[Booking]) -> Iterator[tuple[str, Booking]]:
    for folder, group in groupby(bookings, lambda booking: booking.folder):
        yield folder, next(group)
