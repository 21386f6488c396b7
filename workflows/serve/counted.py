"""How many videos are booked as what, for pages that show it each time they are opened.

Without a ledger all markers are read for it: then the order of time comes of the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TakesTimeError
from dataclasses import dataclass, replace

from components.records.booking import Booking, Place
from components.running.services import Services
from workflows.operations.status.report import StateCount
from workflows.operations.status.status import counted, states

# Counting takes at most a tenth of the time. Without a ledger, all markers are read for it.
_RESTS = 10
# The ledger's last event tells of changes, but for one that was committed late.
_OLDEST_S = 60.0


@dataclass(frozen=True)
class _Counted:
    states: tuple[StateCount, ...]
    newest: tuple[Booking, ...]
    event: int | None
    began: float
    took_s: float


class CountedVideos:
    """Counts again once something has changed, in a thread of its own; safe to share by threads."""

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        self._services, self._clock = services, clock
        self._lock = threading.Lock()
        self._known: _Counted | None = None
        self._counting: Future[_Counted] | None = None
        self._counting_since = 0.0

    def states(self, wait_s: float) -> tuple[StateCount, ...] | None:
        """Return the counts; where they take longer than `wait_s`, those before, None at first.

        The time is that since they were begun, by whoever asked first.

        Raises:
            PipelineError: the ledger, or S3, does not answer.
        """
        known = self._counts(wait_s)
        return known.states if known else None

    def newest(self, wait_s: float) -> tuple[Booking, ...] | None:
        """Return what the markers book, the latest first, without what no page shows.

        Where that takes longer than `wait_s`, as it was before, None at first. Empty with a
        ledger, which has an index for it.

        Raises:
            PipelineError: S3 does not answer.
        """
        known = self._counts(wait_s)
        return known.newest if known else None

    def _counts(self, wait_s: float) -> _Counted | None:
        known = self._known
        if known is not None and self._holds(known):
            return known
        counting, began = self._begun()
        # Of several who ask while it goes on, only the first waits as long.
        left = max(0.0, began + wait_s - self._clock())
        try:
            return counting.result(left)
        except TakesTimeError:
            return known

    def _holds(self, known: _Counted) -> bool:
        age = self._clock() - known.began
        if age < (1 + _RESTS) * known.took_s:
            return True
        ledger = self._services.ledger
        return ledger is not None and age < _OLDEST_S and ledger.last_event() == known.event

    def _begun(self) -> tuple[Future[_Counted], float]:
        """Return the counting that is under way, and when it began."""
        with self._lock:
            if self._counting is None:
                self._counting, self._counting_since = Future(), self._clock()
                threading.Thread(target=self._count, args=(self._counting,), daemon=True).start()
            return self._counting, self._counting_since

    def _count(self, future: Future[_Counted]) -> None:
        ledger, began = self._services.ledger, self._clock()
        try:
            # Before the counts: what changes meanwhile is counted again.
            event = ledger.last_event() if ledger else None
            newest = () if ledger else _newest(self._services)
            counts = states(self._services) if ledger else counted(newest)
            known = _Counted(counts, newest, event, began, self._clock() - began)
        except BaseException as error:
            with self._lock:
                self._counting = None
            future.set_exception(error)
            return
        with self._lock:
            self._known, self._counting = known, None
        future.set_result(known)


def _newest(services: Services) -> tuple[Booking, ...]:
    found = map(_shown, services.bookings.all())
    return tuple(sorted(found, key=lambda booking: Place.of(booking).order))


def _shown(booking: Booking) -> Booking:
    """Return a booking without what takes most of its memory, and what no list shows."""
    return replace(booking, source=None, etag=None, fingerprints={}, seconds={})
