"""What is booked: in the ledger, or in a deployment without one in the markers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from components.records.booking import Booking, Place, Wanted
from components.stores.markers import Markers

if TYPE_CHECKING:
    from components.stores.postgres.ledger import Ledger


class Bookings:
    """Reads bookings from where they are; raises what the ledger or S3 raises."""

    def __init__(self, ledger: Ledger | None, markers: Markers) -> None:
        self._ledger, self._markers = ledger, markers

    def of(self, platform: str, code: str) -> Booking | None:
        """Return what is booked of one video."""
        if self._ledger:
            return self._ledger.booking(platform, code)
        return next(self._markers.bookings(f"{platform}/{code}/"), None)

    def page(self, wanted: Wanted, after: str, limit: int) -> list[Booking]:
        """Return at most `limit` of the wanted ones after a video (platform/code), in key order.

        The ledger looks up no more than it returns, of filters that it has no index for as many as
        it takes to find these; without one, as many markers are read.
        """
        if self._ledger:
            return self._ledger.page(wanted, after, limit)
        with closing(self._markers.bookings_after(after, wanted.platform)) as found:
            return list(islice(filter(wanted.fits, found), limit))

    def newest(self, wanted: Wanted, after: Place | None, limit: int) -> list[Booking] | None:
        """Return at most `limit` of the wanted ones after a place, the latest booking first.

        None without a ledger: markers have no such order, but for who has read all of them.
        """
        return self._ledger.newest(wanted, after, limit) if self._ledger else None

    def all(self, platform: str = "", folder: str = "") -> Iterator[Booking]:
        """Yield all bookings, in the order of the videos' keys in S3.

        Args:
            platform: If given, of this platform only.
            folder: What the keys of markers begin with; markers elsewhere need not be read.
        """
        if self._ledger:
            return self._ledger.bookings(platform)
        return self._markers.bookings(folder or (f"{platform}/" if platform else ""))
