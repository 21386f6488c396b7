"""Markers: the objects beside a video's frames that book it as done or rejected.

They are what readers of the frames bucket go by, and the ledger of a deployment without Postgres.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Any

from components.errors import NotFoundError
from components.ledger.booking import Booking
from components.manifest import DONE_MARKER, MARKERS, REJECTED_MARKER, frame_file
from components.storage import Store, Stored, split

_AT_ONCE = 32


class Markers:
    """The markers in the frames bucket; methods raise what `Store` raises."""

    def __init__(self, store: Store, bucket: str) -> None:
        self._store, self._bucket = store, bucket

    def address(self, platform: str, code: str, marker: str) -> str:
        """Return the URI of a video's marker."""
        return f"s3://{self._bucket}/{platform}/{code}/{marker}"

    def write_done(self, platform: str, code: str, content: dict[str, Any]) -> str:
        """Book the video as done; return the marker's URI."""
        # First, for where both are the rejection is taken for the newer one.
        self.remove(platform, code, REJECTED_MARKER)
        uri = self.address(platform, code, DONE_MARKER)
        self._put(uri, content)
        return uri

    def write_rejected(self, platform: str, code: str, content: dict[str, Any]) -> None:
        """Book the video as rejected; what an earlier version of it left stays."""
        self._put(self.address(platform, code, REJECTED_MARKER), content)

    def remove(self, platform: str, code: str, marker: str) -> None:
        """Remove a marker that may or may not be there."""
        bucket, key = split(self.address(platform, code, marker))
        self._store.delete(bucket, [key])

    def done(self, platform: str, code: str) -> dict[str, Any] | None:
        """Return what the done marker says; None where there is none, or not a whole one."""
        return self._read(self.address(platform, code, DONE_MARKER))

    def rejected(self, platform: str, code: str) -> dict[str, Any] | None:
        """Return what the rejection says; None where there is none, or not a whole one."""
        return self._read(self.address(platform, code, REJECTED_MARKER))

    def bookings(self, prefix: str = "") -> Iterator[Booking]:
        """Yield the videos with a marker below `prefix`, in key order.

        A video that was done and whose newer version is rejected counts as rejected.
        """
        objects = self._store.objects(f"s3://{self._bucket}/{prefix}")
        markers = (stored for stored in objects if stored.uri.rsplit("/", 1)[-1] in MARKERS)
        # Of two the last in order, which is the rejection of a newer version.
        folders = (list(group)[-1] for _, group in groupby(markers, folder_of))
        with ThreadPoolExecutor(_AT_ONCE) as readers:
            while page := list(islice(folders, 8 * _AT_ONCE)):
                for booking in readers.map(self._booking, page):
                    if booking:
                        yield booking

    def _booking(self, stored: Stored) -> Booking | None:
        content = self._read(stored.uri)
        return booking_of(content) if content else None

    def _read(self, uri: str) -> dict[str, Any] | None:
        try:
            content = json.loads(self._store.get(uri))
            booking_of(content)
        except (NotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None
        found: dict[str, Any] = content
        return found

    def _put(self, uri: str, content: dict[str, Any]) -> None:
        text = json.dumps(content, ensure_ascii=False, indent=1)
        self._store.put(uri, text.encode(), content_type="application/json")


def booking_of(content: dict[str, Any]) -> Booking:
    """Return the booking that a marker stands for.

    Raises:
        KeyError, TypeError, ValueError: it is no marker.
    """
    rejected = "reason" in content
    return Booking(
        platform=content["platform"],
        code=content["code"],
        state="rejected" if rejected else "done",
        run=content["run"],
        source=content["source"],
        etag=content["etag"],
        phase=content.get("phase"),
        reason=content.get("reason"),
        message=content.get("message"),
        fingerprints=dict(content.get("fingerprints", {})),
        frames=None if rejected else len(content["frames"]),
        updated_at=datetime.fromisoformat(content["recorded_at"]),
    )


def frame_files(content: dict[str, Any]) -> set[str]:
    """Return the names of the frames that a done marker lists."""
    return {frame_file(frame["number"], frame["second"]) for frame in content["frames"]}


def folder_of(stored: Stored) -> str:
    """Return `<platform>/<code>/`, which sorts as the keys below it do."""
    return stored.uri.split("/", 3)[3].rpartition("/")[0] + "/"


def now() -> str:
    """Return the time as markers carry it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
