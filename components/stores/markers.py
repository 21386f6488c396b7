"""Markers: the objects beside a video's frames that book it as done or rejected.

They are what readers of the frames bucket go by, and the ledger of a deployment without Postgres.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from components.base.side_by_side import side_by_side
from components.errors import NotFoundError
from components.records.booking import Booking
from components.records.done_marker import DONE_MARKER, DoneMarker
from components.records.record import Document
from components.records.rejected_marker import REJECTED_MARKER, RejectedMarker
from components.stores.objects import Stored, split

if TYPE_CHECKING:
    from components.stores.s3 import Store

MARKERS = frozenset({DONE_MARKER, REJECTED_MARKER})

# Markers read at once, and taken from the listing before they are asked for.
_AT_ONCE, _AHEAD = 32, 256

Marker = TypeVar("Marker", bound=Document)


class Markers:
    """The markers in the frames bucket; methods raise what `Store` raises."""

    def __init__(self, store: Store, bucket: str) -> None:
        self._store, self._bucket = store, bucket

    def address(self, platform: str, code: str, marker: str) -> str:
        """Return the URI of a video's marker."""
        return f"s3://{self._bucket}/{platform}/{code}/{marker}"

    def write_done(self, marker: DoneMarker, *, rejected: bool = True) -> str:
        """Book the video as done; return the marker's URI.

        Args:
            rejected: It may have a rejection, of another version.
        """
        if rejected:
            # First, for where both are the rejection is taken for the newer one.
            self.remove(marker.platform, marker.code, REJECTED_MARKER)
        return self.replace_done(marker)

    def replace_done(self, marker: DoneMarker) -> str:
        """Write what the done marker says now, of a video that is done; return its URI."""
        return self._put(self.address(marker.platform, marker.code, DONE_MARKER), marker)

    def write_rejected(self, marker: RejectedMarker) -> str:
        """Book the video as rejected; what an earlier version of it left stays."""
        return self._put(self.address(marker.platform, marker.code, REJECTED_MARKER), marker)

    def remove(self, platform: str, code: str, marker: str) -> None:
        """Remove a marker that may or may not be there."""
        bucket, key = split(self.address(platform, code, marker))
        self._store.delete(bucket, [key])

    def done(self, platform: str, code: str) -> DoneMarker | None:
        """Return the done marker; None where there is none, or not a whole one."""
        return self._read(self.address(platform, code, DONE_MARKER), DoneMarker)

    def done_in(self, folder: str) -> DoneMarker | None:
        """Return the done marker in a folder, `<platform>/<code>/`; None as `done`."""
        return self._read(f"s3://{self._bucket}/{folder}{DONE_MARKER}", DoneMarker)

    def rejected(self, platform: str, code: str) -> RejectedMarker | None:
        """Return the rejection; None where there is none, or not a whole one."""
        return self._read(self.address(platform, code, REJECTED_MARKER), RejectedMarker)

    def bookings(self, prefix: str = "") -> Iterator[Booking]:
        """Yield the videos with a marker below `prefix`, in key order.

        A video that was done and whose newer version is rejected counts as rejected.
        """
        objects = self._store.objects(f"s3://{self._bucket}/{prefix}")
        markers = (stored for stored in objects if name_of(stored) in MARKERS)
        # Of two the last in order, which is the rejection of a newer version.
        folders = (list(group)[-1] for _, group in groupby(markers, folder_of))
        for booking in side_by_side(self._booking, folders, _AT_ONCE, _AHEAD):
            if booking:
                yield booking

    def bookings_after(self, after: str, platform: str) -> Generator[Booking]:
        """Yield the videos with a marker in key order, from the one after `after` (platform/code).

        Lists no frames, and reads no more than a few markers that nobody comes to.

        Args:
            platform: If given, of this platform only.
        """
        folders = self._folders_after(after, platform)
        for booking in side_by_side(self._booking_in, folders, _AT_ONCE, _AT_ONCE):
            if booking:
                yield booking

    def _folders_after(self, after: str, platform: str) -> Iterator[str]:
        """Yield the folders of videos after one, as URIs."""
        top = f"s3://{self._bucket}/"
        begun, _, code = after.partition("/")
        first = f"{top}{begun}/" if begun else top
        for folder in [f"{top}{platform}/"] if platform else self._store.folders(top):
            if folder >= first:
                within = folder == first and code
                yield from self._store.folders(folder, f"{top}{after}/" if within else "")

    def _booking_in(self, folder: str) -> Booking | None:
        """Return what the markers in a folder say; the rejection is of the newer version."""
        found = self._read(f"{folder}{REJECTED_MARKER}", RejectedMarker) or self._read(
            f"{folder}{DONE_MARKER}", DoneMarker
        )
        return found.booking if found else None

    def _booking(self, stored: Stored) -> Booking | None:
        found: DoneMarker | RejectedMarker | None
        if name_of(stored) == DONE_MARKER:
            found = self._read(stored.uri, DoneMarker)
        else:
            found = self._read(stored.uri, RejectedMarker)
        return found.booking if found else None

    def _read(self, uri: str, kind: type[Marker]) -> Marker | None:
        try:
            return kind.model_validate_json(self._store.get(uri))
        except (NotFoundError, ValidationError):
            return None

    def _put(self, uri: str, marker: Document) -> str:
        text = marker.model_dump_json(indent=1)
        self._store.put(uri, text.encode(), content_type="application/json")
        return uri


def name_of(stored: Stored) -> str:
    """Return the last part of an object's key."""
    return stored.uri.rpartition("/")[2]


def folder_of(stored: Stored) -> str:
    """Return `<platform>/<code>/`, which sorts as the keys below it do."""
    return stored.uri.split("/", 3)[3].rpartition("/")[0] + "/"


def now() -> str:
    """Return the time as markers carry it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
