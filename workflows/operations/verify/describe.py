"""Gives a video's points what earlier versions did not write: hashes, length, crop, date.

Answers are folded and filtered by it. Nothing is embedded or decoded as a video: what frame and
dedup found tells it as long as it is kept, else the published frames do, and S3.
"""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from components.errors import NotFoundError
from components.frames_tar.encoding import sketch
from components.frames_tar.pictures import opened
from components.records.done_marker import DoneMarker, MarkedFrame
from components.records.sketch import dhash
from components.records.videos import FramedVideo
from components.running.services import Services


def describe(services: Services, done: DoneMarker) -> None:
    """Write into the marker, then into its points, what answers are folded and filtered by.

    A frame that cannot be read stays without its hash.

    Raises:
        PipelineError: a store does not answer, or refuses.
    """
    known = services.results.behind(done, "frame", FramedVideo)
    marker = done.model_copy(
        update={
            "frames": tuple(_hashed(services, done, known)),
            "dated": done.dated or (known.dated if known else None) or _dated(services, done),
            "duration": done.duration or (known.duration if known else None),
        }
    )
    if marker != done:
        services.markers.replace_done(marker)
    services.collection.describe(marker)


def _hashed(
    services: Services, done: DoneMarker, framed: FramedVideo | None
) -> Iterator[MarkedFrame]:
    sketches = {frame.number: frame.sketch for frame in framed.frames} if framed else {}
    for frame in done.frames:
        mark = frame.dhash or dhash(sketches.get(frame.number, "")) or _seen(services, done, frame)
        yield frame.model_copy(update={"dhash": mark})


def _seen(services: Services, done: DoneMarker, frame: MarkedFrame) -> str:
    """Return the hash of a published frame; empty where it is gone, or does not open."""
    bucket = services.settings.storage.frames_bucket
    try:
        return dhash(sketch(opened(services.store.get(f"s3://{bucket}/{done.path(frame)}"))))
    except (NotFoundError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return ""


def _dated(services: Services, done: DoneMarker) -> str | None:
    """Return when the source was written, if it is the one that the video was made from."""
    try:
        stored = services.store.head(done.source)
    except NotFoundError:
        return None
    return stored.modified.isoformat() if stored.etag == done.etag else None
