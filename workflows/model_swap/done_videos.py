"""The videos with a done marker, with what lies beside it in the frames bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from components.base.logs import log
from components.base.side_by_side import side_by_side
from components.records.done_marker import DONE_MARKER, DoneMarker
from components.running.services import Services
from components.stores.markers import folder_of, name_of
from components.stores.objects import Stored, split

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class DoneVideo:
    """A video's done marker; `keys` are those of its folder in the frames bucket."""

    marker: DoneMarker
    keys: frozenset[str]


class DoneVideos:
    """Iterates over the done videos of the frames bucket, in order of their keys.

    `unreadable` counts the markers that cannot be read, which are logged and left out.
    """

    def __init__(self, services: Services, platform: str | None = None) -> None:
        self._store, self._markers = services.store, services.markers
        bucket = services.settings.storage.frames_bucket
        self._prefix = f"s3://{bucket}/{platform}/" if platform else f"s3://{bucket}/"
        self.unreadable = 0

    def __iter__(self) -> Iterator[DoneVideo]:
        for done in some_at_a_time(self._read, self._folders()):
            if done:
                yield done

    def _folders(self) -> Iterator[list[Stored]]:
        for _, group in groupby(self._store.objects(self._prefix), folder_of):
            objects = list(group)
            if any(name_of(stored) == DONE_MARKER for stored in objects):
                yield objects

    def _read(self, objects: list[Stored]) -> DoneVideo | None:
        folder = folder_of(objects[0])
        marker = self._markers.done_in(folder)
        if marker is None:
            log.warning("%s%s: not a done marker that can be read, left out", folder, DONE_MARKER)
            self.unreadable += 1
            return None
        return DoneVideo(marker, frozenset(split(stored.uri)[1] for stored in objects))


def some_at_a_time(look: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield what `look` returns of each item; a bucket of millions is never in memory."""
    return side_by_side(look, items, at_once=8, ahead=64)
