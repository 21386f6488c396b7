"""Which points each video has in an embedded Qdrant.

That one answers a filter by looking at every point it holds, so removing a video's stale points
would take longer with each video before it. No other process writes while this one holds its lock.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from components.records.videos import Video
from components.stores.vectors.store import Point


class OwnIds:
    """The ids of every video's points, read once when first asked for."""

    def __init__(self, points: Callable[[], Iterable[Point]]) -> None:
        self._points = points
        self._lock = threading.Lock()
        self._ids: dict[tuple[str | None, str | None], set[str]] | None = None

    def others(self, video: Video, ids: Collection[str]) -> set[str]:
        """Return the video's points that are not among these."""
        return self._of(video).difference(ids)

    def are(self, video: Video, ids: Collection[str]) -> None:
        """Note that these are the video's points from now on."""
        own = self._of(video)
        own.clear()
        own.update(ids)

    def _of(self, video: Video) -> set[str]:
        with self._lock:
            if self._ids is None:
                self._ids = defaultdict(set)
                for point in self._points():
                    self._ids[point.platform, point.code].add(point.id)
            return self._ids[video.platform, video.code]
