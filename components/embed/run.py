"""Turns frames into vectors, in batches that run on across the videos of the shard.

A thread reads the frames' files ahead, a pool decodes and resizes them, and another thread does
nothing but run the model.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import numpy as np
from PIL import Image

from components.each import Job, Shard
from components.embed.contract import COMPONENT, EmbedInputs, EmbedOutputs
from components.embed.prefetch import prefetched
from components.encoders.encoder import Encoder, Prepared, Vectors
from components.errors import ConfigurationError
from components.frames_tar import read_pngs
from components.manifest import EmbeddedVideo, FramedVideo
from components.profiling import profile, span
from components.services import Services

# The shards of a run on one machine share one model; side by side they would only be slower. One
# thread runs it for all of them, since the allocator keeps what it freed for each that ever did.
_model_thread = ThreadPoolExecutor(1, "model")


@dataclass
class _Progress:
    """A video whose frames are being embedded, and what went wrong with it, if anything."""

    job: Job[FramedVideo]
    rows: list[Vectors] = field(default_factory=list)
    seconds: float = 0.0
    error: Exception | None = None
    settled: bool = False

    @property
    def over(self) -> bool:
        return self.error is not None or len(self.rows) == len(self.job.input.frames)


@profile
def run(inputs: EmbedInputs, services: Services) -> EmbedOutputs:
    """Embed the frames of every video of the shard."""
    shard = Shard(
        COMPONENT,
        inputs.manifest.read(services.store),
        services,
        files=lambda embedded: [embedded.vectors],
    )
    ahead = services.settings.embed.read_ahead
    with (
        ThreadPoolExecutor(services.settings.work.worker_count) as pool,
        closing(prefetched(_frames(shard.pending(), services, pool), ahead)) as frames,
    ):
        # The first frame comes before the model is asked for: without one, none is loaded.
        for first in frames:
            encoder = services.encoder
            batch = [first, *islice(frames, encoder.batch_size - 1)]
            _embed_batch(encoder, batch)
            for video in {id(video): video for video, _ in batch}.values():
                if video.over and not video.settled:
                    video.settled = True
                    keep = partial(_keep, video, encoder)
                    shard.attempt(video.job, keep, spent=video.seconds)
    return EmbedOutputs(**shard.write(inputs.manifest.sibling(COMPONENT.name)))


def _frames(
    jobs: Iterator[Job[FramedVideo]], services: Services, pool: ThreadPoolExecutor
) -> Iterator[tuple[_Progress, Future[Prepared] | None]]:
    """Yield every frame of every video as the pool prepares it; of a video that cannot be read,
    None as the last."""
    for job in jobs:
        encoder = services.encoder
        video = _Progress(job)
        try:
            with job.downloaded(job.input.tar, "frames.tar") as tar:
                for _, png in read_pngs(tar, job.input.frames):
                    yield video, pool.submit(_prepared, encoder, png)
        except Exception as error:
            video.error = error
            yield video, None


def _prepared(encoder: Encoder, png: bytes) -> Prepared:
    with Image.open(io.BytesIO(png)) as picture:
        return encoder.prepare(picture.convert("RGB"))


def _embed_batch(encoder: Encoder, batch: list[tuple[_Progress, Future[Prepared] | None]]) -> None:
    """Append a row to each video's rows; a failure fails the videos of the batch alone."""
    pictures: list[tuple[_Progress, Prepared]] = []
    for video, frame in batch:
        if frame is not None and not video.error:
            try:
                pictures.append((video, frame.result()))
            except Exception as error:
                video.error = error
    if not pictures:
        return
    start = time.perf_counter()
    try:
        prepared = [picture for _, picture in pictures]
        rows = _model_thread.submit(_forward, encoder, prepared).result()
    except ConfigurationError:
        raise
    except Exception as error:
        for video, _ in pictures:
            video.error = error
        return
    share = (time.perf_counter() - start) / len(pictures)
    for (video, _), row in zip(pictures, rows, strict=True):
        video.rows.append(row)
        video.seconds += share


def _forward(encoder: Encoder, pictures: list[Prepared]) -> Vectors:
    with span("forward", frames=str(len(pictures))):
        return encoder.embed(pictures)


def _keep(video: _Progress, encoder: Encoder, job: Job[FramedVideo]) -> EmbeddedVideo:
    """Write the video's vectors and return its result."""
    if video.error:
        raise video.error
    with job.services.scratch.folder() as folder:
        path = folder / "vectors.npy"
        np.save(path, np.stack(video.rows), allow_pickle=False)
        uri = job.upload("npy", path, content_type="application/octet-stream")
    return EmbeddedVideo(framed=job.input, vectors=uri, model=encoder.name, dim=encoder.dim)
