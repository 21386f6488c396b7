"""The videos with a done marker, with what lies beside it in the frames bucket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from pydantic import ValidationError

from components.collection.points import batches
from components.done_marker import DoneMarker
from components.errors import NotFoundError
from components.logs import log
from components.manifest import DONE_MARKER
from components.services import Services
from components.storage import Stored, split

T = TypeVar("T")
R = TypeVar("R")

# Videos asked about at once; a bucket of millions is never in memory.
_AT_ONCE = 8
_AHEAD = 64


@dataclass(frozen=True)
class DoneVideo:
    """A video's done marker at `uri`: read, and as it lies there; `keys` are its folder's."""

    uri: str
    marker: DoneMarker
    content: dict[str, Any]
    keys: frozenset[str]


class DoneVideos:
    """Iterates over the done videos of the frames bucket, in order of their keys.

    `unreadable` counts the markers that are none, which are logged and left out.
    """

    def __init__(self, services: Services, platform: str | None = None) -> None:
        self._store = services.store
        bucket = services.settings.storage.frames_bucket
        self._prefix = f"s3://{bucket}/{platform}/" if platform else f"s3://{bucket}/"
        self.unreadable = 0

    def __iter__(self) -> Iterator[DoneVideo]:
        for done in side_by_side(self._read, self._folders()):
            if done:
                yield done

    def _folders(self) -> Iterator[list[Stored]]:
        for _, group in groupby(self._store.objects(self._prefix), _folder):
            objects = list(group)
            if any(stored.uri.endswith(f"/{DONE_MARKER}") for stored in objects):
                yield objects

    def _read(self, objects: list[Stored]) -> DoneVideo | None:
        uri = _folder(objects[0]) + DONE_MARKER
        try:
            content = json.loads(self._store.get(uri))
            marker = DoneMarker.model_validate(content)
        except NotFoundError:
            return None  # removed since it was listed
        except (ValueError, ValidationError) as error:
            log.warning("%s: no done marker that can be read, left out: %s", uri, error)
            self.unreadable += 1
            return None
        keys = frozenset(split(stored.uri)[1] for stored in objects)
        return DoneVideo(uri, marker, content, keys)


def side_by_side(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield the function's results in order, some calls at a time."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for chunk in batches(items, _AHEAD):
            yield from pool.map(function, chunk)


def _folder(stored: Stored) -> str:
    return stored.uri.rpartition("/")[0] + "/"
