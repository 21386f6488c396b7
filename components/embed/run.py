"""Turns frames into vectors, in batches that run on across the videos of the shard."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache, partial

import numpy as np

from components.base.gpu import has_gpu
from components.base.profiling import profile
from components.base.side_by_side import batches
from components.base.vectors import Vectors
from components.embed.contract import COMPONENT, EmbedInputs, EmbedOutputs
from components.embed.metered import CpuMeter
from components.encoders.batching import Embedded, Task, embedded
from components.encoders.lots import Lot, of_file, of_pixels
from components.records.manifest import GpuTime
from components.records.record import Record
from components.records.videos import EmbeddedVideo, FramedVideo
from components.running.handed_on import handed_on
from components.running.job import Job
from components.running.services import Services
from components.running.shard import Shard
from components.running.stored_frames import pictures

# Frames that were handed on, of which a thread makes what the model takes.
_AT_ONCE = 8


@profile
def run(inputs: EmbedInputs, services: Services) -> EmbedOutputs:
    """Embed the frames of every video of the shard."""
    shard = Shard(
        COMPONENT,
        inputs.manifest.read(services.store),
        services,
        files=lambda embedded: [embedded.vectors],
    )

    @cache
    def meter() -> CpuMeter:
        return CpuMeter(services.encoder)

    def cpu_seconds(pictures: int) -> float | None:
        if has_gpu() and services.settings.embed.device != "cpu":
            return None
        return meter().cpu_seconds(pictures) if pictures else 0.0

    done = embedded(
        map(_task, shard.pending()),
        lambda: meter().encoder,
        readers=services.settings.work.worker_count,
        ahead=services.settings.embed.read_ahead,
    )
    # The model need not wait until vectors are stored.
    with (
        ThreadPoolExecutor(services.settings.work.worker_count) as keepers,
        closing(done) as videos,
    ):
        kept = []
        for video in videos:
            if video.error:
                shard.stop(video.of, video.error)
            else:
                keep = partial(_keep, video.vectors)
                cpu_s, gpu = cpu_seconds(video.count), _gpu(video)
                kept.append(
                    keepers.submit(
                        shard.attempt, video.of, keep, spent=video.seconds, cpu_spent=cpu_s, gpu=gpu
                    )
                )
        for future in kept:
            future.result()
    return EmbedOutputs(**shard.write(inputs.manifest.sibling(COMPONENT.name)))


def _gpu(video: Embedded[Job[FramedVideo]]) -> GpuTime | None:
    if video.gpu_s is None:
        return None
    return GpuTime(busy_s=round(video.gpu_s, 4), held_s=round(video.held_s, 4))


def _task(job: Job[FramedVideo]) -> Task[Job[FramedVideo]]:
    return Task(job, len(job.input.frames), partial(_pictures, job))


def _pictures(job: Job[FramedVideo]) -> Iterator[Lot]:
    """Yield what prepares each frame: of what frame handed on, or else of its file."""
    framed, services = job.input, job.services
    with handed_on(services, framed) as known:
        if known.keys() >= {frame.number for frame in framed.frames}:
            for some in batches(framed.frames, _AT_ONCE):
                yield of_pixels([known[frame.number].copy() for frame in some])
            return
    with closing(pictures(services, framed, framed.frames)) as files:
        for _, file in files:
            yield of_file(partial(bytes, file))


def _keep(vectors: Vectors, job: Job[FramedVideo]) -> Record:
    """Write the video's vectors and return its result."""
    encoder = job.services.encoder
    with job.services.scratch.folder() as folder:
        path = folder / "vectors.npy"
        np.save(path, vectors, allow_pickle=False)
        uri, sha256 = job.upload("npy", path, content_type="application/octet-stream")
    return EmbeddedVideo(
        framed=job.input,
        vectors=uri,
        vectors_sha256=sha256,
        model=encoder.name,
        dim=encoder.dim,
    )
