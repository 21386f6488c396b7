"""Turns frames into vectors, in batches that run on across the videos of the shard."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from threading import Lock

import numpy as np
from PIL import Image

from components.each import Job, Shard
from components.embed.contract import COMPONENT, EmbedInputs, EmbedOutputs
from components.embed.prefetch import prefetched
from components.encoders.encoder import Encoder, Vectors
from components.errors import ConfigurationError
from components.frames_tar import read_pictures
from components.manifest import EmbeddedVideo, FramedVideo
from components.profiling import profile, span
from components.services import Services

# The shards of a run on one machine share one model; side by side they would only be slower.
_model_in_use = Lock()


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
    size = services.settings.embed.batch_size
    with closing(prefetched(_pictures(shard.pending()), ahead=2 * size)) as pictures:
        while batch := list(islice(pictures, size)):
            _embed_batch(services.encoder, batch)
            for video, _ in batch:
                if video.over and not video.settled:
                    video.settled = True
                    keep = partial(_keep, video, services.encoder)
                    shard.attempt(video.job, keep, spent=video.seconds)
    return EmbedOutputs(**shard.write(inputs.manifest.sibling(COMPONENT.name)))


def _pictures(
    jobs: Iterator[Job[FramedVideo]],
) -> Iterator[tuple[_Progress, Image.Image | None]]:
    """Yield every frame of every video; of a video that cannot be read, None as the last."""
    for job in jobs:
        video = _Progress(job)
        try:
            with job.downloaded(job.input.tar, "frames.tar") as tar:
                for _, picture in read_pictures(tar, job.input.frames):
                    yield video, picture
        except Exception as error:
            video.error = error
            yield video, None


def _embed_batch(encoder: Encoder, batch: list[tuple[_Progress, Image.Image | None]]) -> None:
    """Append a row to each video's rows; a failure fails the videos of the batch alone."""
    pictures = [
        (video, picture) for video, picture in batch if picture is not None and not video.error
    ]
    if not pictures:
        return
    start = time.perf_counter()
    try:
        with _model_in_use, span("forward", frames=str(len(pictures))):
            rows = encoder.embed_images([picture for _, picture in pictures])
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


def _keep(video: _Progress, encoder: Encoder, job: Job[FramedVideo]) -> EmbeddedVideo:
    """Write the video's vectors and return its result."""
    if video.error:
        raise video.error
    content = io.BytesIO()
    np.save(content, np.stack(video.rows), allow_pickle=False)
    job.services.store.put(
        job.artifact("npy"), content.getvalue(), content_type="application/octet-stream"
    )
    return EmbeddedVideo(
        framed=job.input, vectors=job.artifact("npy"), model=encoder.name, dim=encoder.dim
    )
