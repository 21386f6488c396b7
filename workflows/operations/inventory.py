"""What is stored of every video: listings and ledger, read side by side in the order of their keys.

Memory does not grow with the buckets: one video's keys at a time, some hundred markers ahead.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from components.base.side_by_side import side_by_side
from components.errors import ConfigurationError, NotFoundError
from components.pipeline import PHASES
from components.plan.job_input import SOURCE_FILE, listed_video
from components.plan.layout import Layout, UnsafeNameError
from components.records.booking import Booking
from components.records.done_marker import DONE_MARKER, DoneMarker
from components.records.frame_names import is_frame_file
from components.records.rejected_marker import REJECTED_MARKER, RejectedMarker
from components.running.services import Services
from components.stores.markers import MARKERS
from components.stores.objects import Stored, split

_AT_ONCE = 32
_FOLDER_DEPTH = 2

Item = tuple[str, str, Any]


@dataclass
class Traces:
    """What is stored of one video, in every place but Qdrant.

    `etag` is the source's, None where it is gone; `laid_out` says whether it lies where a listing
    finds it. `done` and `rejected` are what the markers say, None where they say nothing readable.
    """

    platform: str
    code: str
    etag: str | None = None
    laid_out: bool = False
    frames: set[str] = field(default_factory=set)
    markers: set[str] = field(default_factory=set)
    results: int = 0
    booking: Booking | None = None
    done: DoneMarker | None = None
    rejected: RejectedMarker | None = None

    @property
    def folder(self) -> str:
        """`platform/code/`."""
        return f"{self.platform}/{self.code}/"

    @property
    def listed(self) -> frozenset[str]:
        """The files of the frames that the done marker lists."""
        return self.done.files if self.done else frozenset()

    @property
    def marked(self) -> Booking | None:
        """What the markers book; of two, the rejection is the newer one."""
        marker = self.rejected or self.done
        return marker.booking if marker else None

    @property
    def leased(self) -> bool:
        """Whether a run works on the video."""
        return bool(self.booking and self.booking.leased_by)

    @property
    def recorded_source(self) -> str | None:
        """The source's address by the markers or the ledger; None where they name none."""
        known = [self.marked, self.booking]
        return next((booking.source for booking in known if booking and booking.source), None)


def inventory(services: Services, platform: str, foreign: Counter[str]) -> Iterator[Traces]:
    """Yield what is stored of each video, of one platform if given, in key order.

    Args:
        foreign: Counts, by place, the keys that are not of this program's layout.

    Raises:
        PipelineError: a store does not answer, refuses, or lists its keys in another order.
    """
    storage, narrowed = services.settings.storage, f"{platform}/" if platform else ""
    listed = services.store.objects
    streams = [
        _all_sources(services, narrowed, foreign),
        _frames(listed(f"s3://{storage.frames_bucket}/{narrowed}"), foreign),
        _results(listed(f"s3://{storage.artifacts_bucket}/results/{narrowed}"), foreign),
    ]
    if services.ledger:
        bookings = services.ledger.bookings(platform)
        streams.append((booking.folder, "booking", booking) for booking in bookings)
    merged = heapq.merge(*map(_in_order, streams), key=_folder)
    videos = (_traces(folder, group) for folder, group in groupby(merged, _folder))
    yield from side_by_side(
        lambda traces: _completed(traces, services), videos, _AT_ONCE, 8 * _AT_ONCE
    )


def inspected(services: Services, platform: str, code: str) -> Traces:
    """Return what is stored of one video now."""
    traces, storage = Traces(platform, code), services.settings.storage
    listed, nowhere = services.store.objects, Counter[str]()
    source = f"s3://{storage.videos_bucket}/{traces.folder}{SOURCE_FILE}"
    layout = Layout(services.settings.plan)
    items = [
        *_sources((stored for stored in listed(source) if stored.uri == source), layout, nowhere),
        *_frames(listed(f"s3://{storage.frames_bucket}/{traces.folder}"), nowhere),
        *_results(listed(f"s3://{storage.artifacts_bucket}/results/{traces.folder}"), nowhere),
    ]
    traces = _traces(traces.folder, items)
    traces.booking = services.ledger.booking(platform, code) if services.ledger else None
    return _completed(traces, services)


def result_of(uri: str) -> tuple[str, str, str] | None:
    """Return folder, phase and fingerprint of an object below `results/`; None if it is another.

    The folder is `platform/code/`.
    """
    parts = split(uri)[1].split("/")
    if len(parts) != 5 or parts[0] != "results" or parts[3] not in PHASES:
        return None
    fingerprint = parts[4].partition(".")[0]
    if not fingerprint or not _safe(parts[1], parts[2]):
        return None
    return f"{parts[1]}/{parts[2]}/", parts[3], fingerprint


def _all_sources(services: Services, narrowed: str, foreign: Counter[str]) -> Iterable[Item]:
    layout, bucket = Layout(services.settings.plan), services.settings.storage.videos_bucket
    if layout.own:
        listing = services.store.objects(f"s3://{bucket}/{narrowed}")
        return _sources(listing, layout, foreign)
    # Another layout need not list videos by platform, nor in the order of their names.
    found = _sources(services.store.objects(f"s3://{bucket}/"), layout, foreign)
    return sorted(item for item in found if item[0].startswith(narrowed))


def _sources(listing: Iterable[Stored], layout: Layout, foreign: Counter[str]) -> Iterator[Item]:
    for stored in listing:
        try:
            video = layout.video(stored.uri)
        except UnsafeNameError:
            video = None
        if video:
            yield f"{video}/", "source", stored.etag
        elif not listed_video(stored.uri):
            # A video in a deeper folder is one that can be run by its address.
            foreign["videos"] += 1


def _frames(listing: Iterable[Stored], foreign: Counter[str]) -> Iterator[Item]:
    for stored in listing:
        *folders, name = split(stored.uri)[1].split("/")
        if len(folders) != _FOLDER_DEPTH or not _safe(*folders):
            foreign["frames"] += 1
        elif name in MARKERS:
            yield "/".join((*folders, "")), "marker", name
        elif is_frame_file(name):
            yield "/".join((*folders, "")), "frame", name
        else:
            foreign["frames"] += 1


def _results(listing: Iterable[Stored], foreign: Counter[str]) -> Iterator[Item]:
    for stored in listing:
        if found := result_of(stored.uri):
            yield found[0], "result", found
        else:
            foreign["artifacts"] += 1


def _safe(platform: str, code: str) -> bool:
    return listed_video(f"s3://bucket/{platform}/{code}/{SOURCE_FILE}") is not None


def _folder(item: Item) -> str:
    return item[0]


def _in_order(items: Iterable[Item]) -> Iterator[Item]:
    """Pass on what comes in order; anything else would make videos look as if they lacked parts."""
    last = ""
    for item in items:
        if item[0] < last:
            raise ConfigurationError(
                f"{item[0]} is listed after {last}; use an S3 server that lists keys in the order "
                "of their bytes"
            )
        last = item[0]
        yield item


def _traces(folder: str, items: Iterable[Item]) -> Traces:
    platform, code, _ = folder.split("/")
    traces = Traces(platform, code)
    add: dict[str, Callable[[Any], None]] = {
        "frame": traces.frames.add,
        "marker": traces.markers.add,
    }
    for _, kind, value in items:
        if kind in add:
            add[kind](value)
        elif kind == "source":
            traces.etag, traces.laid_out = value, True
        elif kind == "booking":
            traces.booking = value
        else:
            traces.results += 1
    return traces


def _completed(traces: Traces, services: Services) -> Traces:
    """Read the markers, and look for a source that lies elsewhere than where a listing finds it."""
    markers, name = services.markers, (traces.platform, traces.code)
    if DONE_MARKER in traces.markers:
        done = markers.done(*name)
        traces.done = done if done and (done.platform, done.code) == name else None
    if REJECTED_MARKER in traces.markers:
        rejected = markers.rejected(*name)
        of_it = rejected and (rejected.platform, rejected.code) == name
        traces.rejected = rejected if of_it else None
    if traces.etag is None and traces.recorded_source:
        try:
            traces.etag = services.store.head(traces.recorded_source).etag
        except NotFoundError:
            traces.etag = None
    return traces
