"""Which videos of a run are done already, by the very settings of today: nothing is asked twice.

A done marker that names today's fingerprint of every phase says all that the phases would find out
one by one. What it claims is checked in bulk, against one listing of the frames bucket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from components.base.side_by_side import side_by_side
from components.pipeline import chooses_frames
from components.records.done_marker import DONE_MARKER, DoneMarker
from components.records.frame_names import is_frame_file
from components.records.rejected_marker import REJECTED_MARKER
from components.records.videos import Video
from components.running.fingerprint import Fingerprints
from components.running.services import Services
from components.stores.markers import name_of
from components.stores.objects import Stored, split

_AT_ONCE, _AHEAD = 8, 256


def done_before(
    videos: Iterable[tuple[Video, str | None]], services: Services
) -> Iterator[tuple[Video, DoneMarker]]:
    """Yield those videos on which no phase would have anything to do, with their done markers.

    That is so where source, settings and model are those of the marker, exactly its frames lie in
    the frames bucket, its points in the collection, and the ledger, if there is one, says the same.
    What only the artifacts bucket held may be gone by now.

    Args:
        videos: Each with the ETag of its source, None where that is not known.

    Raises:
        PipelineError: a store does not answer, or refuses.
    """
    wanted = Fingerprints(services.settings)
    etags = dict(_with_etags(videos, services))

    def judged(found: tuple[Video, list[Stored]]) -> tuple[Video, DoneMarker | None]:
        video, objects = found
        marks = wanted.of(video.source, etags[video])
        return video, _checked(video, objects, marks, services)

    listed = _listed(sorted(etags, key=_folder), services)
    for video, marker in side_by_side(judged, listed, _AT_ONCE, _AHEAD):
        if marker:
            yield video, marker


def _with_etags(
    videos: Iterable[tuple[Video, str | None]], services: Services
) -> Iterator[tuple[Video, str]]:
    """Yield the videos whose source is there, each with its ETag."""
    unknown: dict[tuple[str, str], dict[str, Video]] = {}
    for video, etag in videos:
        if etag:
            yield video, etag
            continue
        bucket, key = split(video.source)
        folder = key.rpartition("/")[0] + "/"
        unknown.setdefault((bucket, folder), {})[video.source] = video
    for bucket in sorted({bucket for bucket, _ in unknown}):
        folders = sorted(folder for where, folder in unknown if where == bucket)
        for folder, objects in services.store.objects_by_folder(bucket, folders):
            for stored in objects:
                if listed := unknown[bucket, folder].get(stored.uri):
                    yield listed, stored.etag


def _listed(videos: Sequence[Video], services: Services) -> Iterator[tuple[Video, list[Stored]]]:
    """Yield the videos that have a marker, each with the objects in its folder."""
    bucket = services.settings.storage.frames_bucket
    listing = services.store.objects_by_folder(bucket, map(_folder, videos))
    for video, (_, objects) in zip(videos, listing, strict=True):
        if any(name_of(stored) == DONE_MARKER for stored in objects):
            yield video, objects


def _checked(
    video: Video, objects: Iterable[Stored], wanted: dict[str, str], services: Services
) -> DoneMarker | None:
    """Return the video's marker if it says and holds what a run of today would come to."""
    names = {split(stored.uri)[1].removeprefix(_folder(video)) for stored in objects}
    if REJECTED_MARKER in names:
        # Readers take the rejection for the newer one; record removes it.
        return None
    marker = services.markers.done(video.platform, video.code)
    if marker is None or marker.fingerprints != wanted:
        return None
    if marker.duration is None or set(filter(is_frame_file, names)) != marker.files:
        return None
    if not services.collection.holds(marker, marker.model, wanted[chooses_frames()]):
        return None
    return marker if _is_booked(marker, services) else None


def _is_booked(marker: DoneMarker, services: Services) -> bool:
    if services.ledger is None:
        return True
    booking = services.ledger.booking(marker.platform, marker.code)
    return (
        booking is not None
        and booking.state == "done"
        and booking.etag == marker.etag
        and booking.fingerprints == marker.fingerprints
        and not booking.leased_by
    )


def _folder(video: Video) -> str:
    return f"{video}/"
