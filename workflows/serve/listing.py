"""Which videos there are: how many are booked as what, and pages of them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from http import HTTPStatus
from itertools import islice

from components.errors import Failure, Reason
from components.records.booking import Booking, Place, Wanted
from components.running.services import Services
from workflows.operations.status.report import Overview
from workflows.operations.status.status import leases, overview
from workflows.serve.counted import CountedVideos
from workflows.serve.refusals import RefusedError, busy
from workflows.serve.report import ListedVideo, Order, VideoPage

# A page does not wait longer for the counts, which it can do without.
_COUNT_S = 1.0


class Listing:
    """Lists videos by what is booked of them; safe to share between threads.

    Every method raises what the stores raise: TransientError where one does not answer.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._counted = CountedVideos(services)
        # Less than a request may take, and the thread is free again before it is refused.
        self._most_s = 0.8 * services.settings.serve.timeout_s

    def overview(self, platform: str = "") -> Overview:
        """Return how many videos are booked as what, and which runs are at work.

        Raises:
            RefusedError: 503, counting them takes longer than a request may.
        """
        if platform:
            return overview(self._services, platform)
        states = self._counted.states(self._most_s)
        if states is None:
            raise busy("the videos are still being counted")
        return Overview(states=states, leases=leases(self._services))

    def counts(self) -> dict[str, int] | None:
        """Return how many videos are in each state; None while that is still being counted."""
        states = self._counted.states(_COUNT_S)
        if states is None:
            return None
        counts: Counter[str] = Counter()
        for one in states:
            counts[one.state or "not booked"] += one.videos
        return dict(counts)

    def videos(self, wanted: Wanted, after: str = "", limit: int = 50) -> VideoPage:
        """Return the videos after `after` (platform/code) in the order of their names."""
        page = self._services.bookings.page(wanted, after, limit + 1)
        return _page(page, limit, lambda booking: booking.video, "name")

    def newest(
        self, wanted: Wanted, after: str = "", limit: int = 50, *, wait_s: float | None = None
    ) -> VideoPage:
        """Return the videos after `after`, a page's `next`, the latest booking first.

        Args:
            wait_s: How long at most to wait for markers to be read, where there is no ledger.

        Raises:
            RefusedError: 422, `after` is something else; 503, the markers are still being read.
        """
        try:
            place = Place.read(after) if after else None
        except ValueError as error:
            raise RefusedError(
                422, f"after: {error}", "give the `next` of the page before"
            ) from error
        page = self._services.bookings.newest(wanted, place, limit + 1)
        if page is None:
            found = self._counted.newest(self._most_s if wait_s is None else wait_s)
            if found is None:
                raise busy("the videos are still being read")
            order = place.order if place else None
            start = bisect_right(found, order, key=_order) if order else 0
            page = list(islice(filter(wanted.fits, islice(found, start, None)), limit + 1))
        return _page(page, limit, lambda booking: str(Place.of(booking)), "newest")

    def newest_or_by_name(self, wanted: Wanted, after: str = "", limit: int = 50) -> VideoPage:
        """Return the newest first; where markers are still being read, from the first name on."""
        try:
            return self.newest(wanted, after, limit, wait_s=_COUNT_S)
        except RefusedError as error:
            if error.refusal.status != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            return self.videos(wanted, limit=limit)


def is_place(after: str) -> bool:
    """Return whether this is where a page of the newest begins; else it is a name."""
    try:
        Place.read(after)
    except ValueError:
        return False
    return True


def _page(
    found: Sequence[Booking], limit: int, place: Callable[[Booking], str], order: Order
) -> VideoPage:
    """Return the first `limit` as a page, which knows where the next one begins."""
    follows = place(found[limit - 1]) if len(found) > limit else None
    return VideoPage(videos=tuple(map(listed, found[:limit])), next=follows, order=order)


def _order(booking: Booking) -> tuple[bool, timedelta, str]:
    return Place.of(booking).order


def listed(booking: Booking) -> ListedVideo:
    """Return a booking as the list shows it."""
    return ListedVideo(
        video=booking.video,
        platform=booking.platform,
        code=booking.code,
        state=booking.state,
        phase=booking.phase,
        reason=booking.reason,
        message=booking.message,
        remedy=_remedy(booking.reason),
        frames=booking.frames,
        attempts=booking.attempts,
        run=booking.run,
        booked_at=booking.updated_at,
    )


def _remedy(reason: str | None) -> str | None:
    for kind in (Reason, Failure):
        if reason in set(kind):
            return kind(reason).remedy
    return None
