"""Fills the collection of another model from the published frames; decodes no video."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from components.collection import FrameCollection
from components.collection.family import CollectionFamily
from components.collection.points import batches
from components.embed.prefetch import prefetched
from components.encoders.encoder import Encoder, Prepared, Vectors
from components.errors import NotFoundError, PipelineError, TransientError
from components.services import Services
from workflows.model_swap.done_videos import DoneVideo, DoneVideos, side_by_side

Tell = Callable[[str], None]


@dataclass
class _Reading:
    """A video whose frames are being read and embedded; `problem` says why it is skipped."""

    done: DoneVideo
    rows: list[Vectors] = field(default_factory=list)
    problem: str | None = None

    @property
    def name(self) -> str:
        return str(self.done.marker.video)


@dataclass
class _Counts:
    already: int = 0
    embedded: int = 0
    frames: int = 0
    skipped: dict[str, str] = field(default_factory=dict)


def prepare(
    services: Services, *, tell: Tell, platform: str | None = None, limit: int | None = None
) -> dict[str, Any]:
    """Fill the collection of CLIP_MODEL's model with the frames of every done video.

    A video that is there already is left alone, so whatever breaks this off, the next call goes on.

    Args:
        limit: Most videos to embed.

    Returns:
        What `oriane model prepare --json` prints.

    Raises:
        PipelineError: S3, Qdrant or the model cannot be used.
    """
    family = CollectionFamily(services.collection.connection)
    family.current()  # refuses a name that could not be switched in the end
    tell(f"loading {services.settings.embed.model}")
    encoder = services.encoder
    target = family.begin(encoder.name, encoder.dim)
    done, counts = DoneVideos(services, platform), _Counts()
    work = islice(_lacking(done, target, counts), limit)
    ahead = services.settings.embed.read_ahead
    with closing(prefetched(_pictures(services, encoder, work), ahead)) as pictures:
        while batch := list(islice(pictures, encoder.batch_size)):
            _embed(encoder, batch)
            for reading in {id(reading): reading for reading, _ in batch}.values():
                _settle(reading, target, encoder, counts)
            tell(f"{counts.embedded} videos embedded, {counts.already} were there")
    tell(f"waiting for the index of {target.name}")
    family.finish(target)
    return {
        "collection": target.name,
        "model": encoder.name,
        "dim": encoder.dim,
        "videos": {
            "embedded": counts.embedded,
            "already": counts.already,
            "skipped": len(counts.skipped),
            "unreadable": done.unreadable,
        },
        "frames": counts.frames,
        "skipped": [{"video": name, "why": why} for name, why in counts.skipped.items()],
    }


def _lacking(done: DoneVideos, target: FrameCollection, counts: _Counts) -> Iterator[DoneVideo]:
    """Yield the videos whose points are not, or not all, in the collection."""

    def holds(video: DoneVideo) -> bool:
        marker = video.marker
        return target.holds(marker, fingerprint=marker.fingerprints.get("dedup", ""))

    for video, there in side_by_side(lambda video: (video, holds(video)), done):
        counts.already += there
        if not there:
            yield video


def _pictures(
    services: Services, encoder: Encoder, work: Iterator[DoneVideo]
) -> Iterator[tuple[_Reading, Prepared | None]]:
    """Yield every frame of every video, prepared; of a video that cannot be read, None as the
    last."""

    def prepared(uri: str) -> Prepared:
        with Image.open(io.BytesIO(store.get(uri))) as picture:
            return encoder.prepare(picture.convert("RGB"))

    store, bucket = services.store, services.settings.storage.frames_bucket
    at_once = services.settings.upload.concurrency
    with ThreadPoolExecutor(at_once) as readers:
        for done in work:
            reading = _Reading(done)
            paths = [done.marker.path(frame) for frame in done.marker.frames]
            missing = [path for path in paths if path not in done.keys]
            if missing:
                reading.problem = (
                    f"{len(missing)} frames are missing, {missing[0]} first; type oriane verify "
                    "--repair"
                )
                yield reading, None
                continue
            try:
                # A few at a time, so that the frames of a long video are not all in memory.
                for window in batches([f"s3://{bucket}/{path}" for path in paths], at_once):
                    for picture in readers.map(prepared, window):
                        yield reading, picture
            except (NotFoundError, UnidentifiedImageError, OSError) as error:
                reading.problem = f"a frame cannot be read ({error}); type oriane verify --repair"
                yield reading, None


def _embed(encoder: Encoder, batch: list[tuple[_Reading, Prepared | None]]) -> None:
    pictures = [(reading, picture) for reading, picture in batch if picture is not None]
    if not pictures:
        return
    try:
        rows = encoder.embed([picture for _, picture in pictures])
    except PipelineError:
        raise
    except Exception as error:
        raise TransientError(
            f"{encoder.name} failed on {len(pictures)} frames ({type(error).__name__}: {error}); "
            "lower VP_BATCH_SIZE if it lacked memory, and type the same command to go on"
        ) from error
    for (reading, _), row in zip(pictures, rows, strict=True):
        reading.rows.append(row)


def _settle(reading: _Reading, target: FrameCollection, encoder: Encoder, counts: _Counts) -> None:
    """Upsert a video that is embedded as a whole; note one that cannot be."""
    marker = reading.done.marker
    if reading.problem:
        counts.skipped[reading.name] = reading.problem
    elif len(reading.rows) == len(marker.frames):
        fingerprint = marker.fingerprints.get("dedup", "")
        target.replace(marker, np.stack(reading.rows), encoder.name, fingerprint)
        counts.embedded += 1
        counts.frames += len(reading.rows)
