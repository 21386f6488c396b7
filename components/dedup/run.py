"""Drops frames that look like one that is kept, by difference hash."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from contextlib import closing

import imagehash
from PIL import Image

from components.base.profiling import profile
from components.dedup.contract import COMPONENT, DedupInputs, DedupOutputs
from components.dedup.distinct import originals
from components.frames_tar.pictures import opened
from components.records.videos import SKETCH_SIZE, Duplicate, Frame, FramedVideo
from components.running.job import Job
from components.running.services import Services
from components.running.shard import run_each
from components.running.stored_frames import pictures
from components.settings import DedupSettings

# The dHash that needs no more than the sketches of the frames.
_SKETCHED_SIZE = SKETCH_SIZE[1]


@profile
def run(inputs: DedupInputs, services: Services) -> DedupOutputs:
    """Drop the near-duplicates of every video of the shard."""
    return run_each(COMPONENT, inputs.manifest, services, _dedup)


def _dedup(job: Job[FramedVideo]) -> FramedVideo:
    framed, settings = job.input, job.services.settings.dedup
    if not settings.enabled:
        return framed
    if settings.hash_size == _SKETCHED_SIZE:
        return _distinct(framed, ((frame, sketched(frame)) for frame in framed.frames), settings)
    with closing(pictures(job.services, framed, framed.frames)) as files:
        return _distinct(framed, ((frame, opened(file)) for frame, file in files), settings)


def _distinct(
    framed: FramedVideo, shown: Iterable[tuple[Frame, Image.Image]], settings: DedupSettings
) -> FramedVideo:
    hashes = (
        (frame, imagehash.dhash(picture, hash_size=settings.hash_size)) for frame, picture in shown
    )
    kept: list[Frame] = []
    repeated: list[Duplicate] = []
    for frame, original in originals(hashes, settings.tolerance, settings.scope):
        if original is None:
            kept.append(frame)
        else:
            duplicate = Duplicate(number=frame.number, second=frame.second, of=original.number)
            repeated.append(duplicate)
    return framed.model_copy(
        update={
            "frames": tuple(kept),
            "duplicates": tuple(repeated),
            "duplicates_removed": len(repeated),
        }
    )


def sketched(frame: Frame) -> Image.Image:
    """Return the picture of 9 × 8 pixels whose dHash is that of the frame."""
    return Image.frombytes("L", SKETCH_SIZE, b64decode(frame.sketch))
