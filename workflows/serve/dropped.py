"""Pictures of frames that were dropped as near-duplicates, as long as the artifacts hold them."""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from components.errors import DamagedObjectError, NotFoundError
from components.frames_tar.digest import md5
from components.frames_tar.read import read_files
from components.records.done_marker import DoneMarker
from components.records.videos import Frame, FramedVideo
from components.running.results import Results
from components.running.services import Services
from components.running.stored_frames import Picture
from components.stores.s3 import Stored
from workflows.serve.thumbnails import Thumbnails

# Larger ones are not fetched for some small pictures: a pod has little room for files.
_MOST_BYTES = 192 * 10**6


@dataclass(frozen=True)
class Held:
    """The tar that holds dropped frames of a video, and those frames by number."""

    tar: Stored
    frames: Mapping[int, Frame]

    def key(self, frame: Frame) -> str:
        """Return what names the frame's content among thumbnails."""
        return f"{self.tar.uri} {self.tar.etag} {frame.number}"


class DroppedFrames:
    """Reads them; safe to share between threads.

    `components.running.stored_frames` says where they lie. It removes what is damaged, so that a
    phase makes it anew; a server removes nothing.
    """

    def __init__(self, services: Services, thumbnails: Thumbnails) -> None:
        self._store, self._scratch = services.store, services.scratch
        bucket = services.settings.storage.artifacts_bucket
        self._results = Results(services.store, bucket, listing=False)
        self._thumbnails = thumbnails
        # One tar on the disk at a time.
        self._reading = threading.Lock()

    def held(self, marker: DoneMarker) -> Held | None:
        """Return where the video's dropped frames lie; None if they are gone, or there are none."""
        if not marker.duplicates_removed:
            return None
        whole = self._results.behind(marker, "frame", FramedVideo)
        if whole is None:
            return None
        tar = self._tar(whole)
        kept = {frame.number for frame in marker.frames}
        dropped = {frame.number: frame for frame in whole.frames if frame.number not in kept}
        return Held(tar, dropped) if tar and dropped else None

    def picture(self, held: Held, number: int) -> bytes | None:
        """Return the file of a dropped frame; None if it is not there, or not what it was."""
        with self._reading:
            return self._looked_for(held, number, lambda _, content: content)

    def thumbnail(self, held: Held, number: int, size: int) -> bytes | None:
        """Return a dropped frame's thumbnail; None as `picture`.

        Those of its video's other dropped frames are made as well, as the tar is there.
        """
        key = held.key(held.frames[number])
        if known := self._thumbnails.known(key, size):
            return known
        with self._reading:
            if known := self._thumbnails.known(key, size):
                return known

            def made(frame: Frame, content: bytes) -> bytes:
                return self._thumbnails.get(held.key(frame), size, lambda: content)

            return self._looked_for(held, number, made)

    def _looked_for(
        self, held: Held, number: int, seen: Callable[[Frame, bytes], bytes]
    ) -> bytes | None:
        found: bytes | None = None
        with suppress(NotFoundError, KeyError, AssertionError, tarfile.TarError):
            for frame, content in self._pictures(held):
                with suppress(DamagedObjectError):
                    made = seen(frame, content)
                    found = made if frame.number == number else found
        return found

    def _pictures(self, held: Held) -> Iterator[Picture]:
        """Yield the dropped frames that are what they were when they were written."""
        with self._scratch.folder() as folder:
            path = folder / "dropped.tar"
            self._store.download(held.tar.uri, path)
            for frame, content in read_files(path, list(held.frames.values())):
                if frame.md5 in ("", md5(content)):
                    yield frame, content

    def _tar(self, whole: FramedVideo) -> Stored | None:
        """Return the tar of all frames, or the one of those that were not published."""
        stem = whole.tar.removesuffix(".tar")
        found = [
            stored
            for stored in self._store.objects(f"{stem}.")
            if stored.uri.endswith(".tar") and 0 < stored.size <= _MOST_BYTES
        ]
        return min(found, key=lambda stored: stored.size, default=None)
