"""Drops frames that look like the last one kept, by difference hash."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator

import imagehash
from PIL import Image

from components.base.profiling import profile
from components.dedup.contract import COMPONENT, DedupInputs, DedupOutputs
from components.frames_tar.pictures import read_pictures
from components.records.videos import SKETCH_SIZE, Frame, FramedVideo
from components.running.job import Job
from components.running.services import Services
from components.running.shard import run_each
from components.settings import DedupSettings

# The dHash that needs no more than the sketches of the frames.
_SKETCHED_SIZE = SKETCH_SIZE[1]


@profile
def run(inputs: DedupInputs, services: Services) -> DedupOutputs:
    """Drop the near-duplicates of every video of the shard."""
    return run_each(COMPONENT, inputs.manifest, services, _dedup, files=lambda framed: [framed.tar])


def _dedup(job: Job[FramedVideo]) -> FramedVideo:
    framed, settings = job.input, job.services.settings.dedup
    if not settings.enabled:
        return framed
    if settings.hash_size == _SKETCHED_SIZE:
        pictures = ((frame, sketched(frame)) for frame in framed.frames)
        kept = _kept(pictures, settings)
    else:
        with job.downloaded(framed.tar, "frames.tar", framed.tar_sha256) as tar:
            kept = _kept(read_pictures(tar, framed.frames), settings)
    removed = len(framed.frames) - len(kept)
    return framed.model_copy(update={"frames": kept, "duplicates_removed": removed})


def _kept(
    pictures: Iterable[tuple[Frame, Image.Image]], settings: DedupSettings
) -> tuple[Frame, ...]:
    hashes = (
        (frame, imagehash.dhash(picture, hash_size=settings.hash_size))
        for frame, picture in pictures
    )
    return tuple(distinct(hashes, settings.tolerance))


def sketched(frame: Frame) -> Image.Image:
    """Return the picture of 9 × 8 pixels whose dHash is that of the frame."""
    return Image.frombytes("L", SKETCH_SIZE, b64decode(frame.sketch))


def distinct(
    hashes: Iterable[tuple[Frame, imagehash.ImageHash]], tolerance: int
) -> Iterator[Frame]:
    """Yield the frames whose hash differs by more than `tolerance` bits from the last one yielded.

    dHash compares each pixel of a tiny grey version with its neighbour (Krawetz 2013, as in
    imagehash); the distance is the number of differing bits.
    """
    last: imagehash.ImageHash | None = None
    for frame, value in hashes:
        if last is None or value - last > tolerance:
            last = value
            yield frame
