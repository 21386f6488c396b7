"""Which listed videos are pending: new, changed since they were booked, or failed.

Record leaves a marker for every video that is done or rejected, and none for a failed one. Both
listings come in the order of their keys and are read side by side, so memory does not grow with
the buckets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

from components.errors import NotFoundError
from components.manifest import MARKERS
from components.storage import Store, Stored

# A source may be replaced while the version before it is being worked on. So only a marker that
# is this much younger than the source counts by its date; any other is read.
_LONGEST_RUN = timedelta(days=2)


def pending(sources: Iterator[Stored], objects: Iterator[Stored], store: Store) -> Iterator[Stored]:
    """Yield the sources for which no marker holds.

    Args:
        sources: Videos of the source bucket, `<platform>/<code>/video.mp4`, by key.
        objects: What the frames bucket holds for them, and maybe for others, by key.

    Raises:
        TransientError: S3 does not answer.
    """
    booked = _booked(objects)
    folder, markers = next(booked, (None, []))
    for source in sources:
        wanted = _folder(source)
        while folder is not None and folder < wanted:
            folder, markers = next(booked, (None, []))
        if folder != wanted or not any(_holds(marker, source, store) for marker in markers):
            yield source


def _booked(objects: Iterator[Stored]) -> Iterator[tuple[str, list[Stored]]]:
    """Yield each folder that has markers, with them."""
    markers = (stored for stored in objects if stored.uri.rsplit("/", 1)[-1] in MARKERS)
    for folder, group in groupby(markers, _folder):
        yield folder, list(group)


def _folder(stored: Stored) -> str:
    """Return `<platform>/<code>/`, which sorts as the keys below it do."""
    return stored.uri.split("/", 3)[3].rpartition("/")[0] + "/"


def _holds(marker: Stored, source: Stored, store: Store) -> bool:
    """Tell whether the marker was written for the source as it is now."""
    if marker.modified > source.modified + _LONGEST_RUN:
        return True
    try:
        etag = json.loads(store.get(marker.uri))["etag"]
    except (NotFoundError, ValueError, KeyError, TypeError):
        return False
    return bool(etag == source.etag)
