"""Probes each source video and rejects what cannot be processed."""

from __future__ import annotations

from typing import Any

from components.base.profiling import profile
from components.errors import NotFoundError, Reason, VideoRejectedError
from components.fetch.contract import COMPONENT, FetchInputs, FetchOutputs
from components.fetch.denied import Sources
from components.fetch.probe import probe
from components.records.manifest import Entry
from components.records.videos import SourceVideo, Video
from components.running import budget
from components.running.decoders import Access
from components.running.disbelief import unbelievable
from components.running.job import Job
from components.running.services import Services
from components.running.shard import Shard
from components.settings import LimitSettings
from components.stores.objects import Stored

_LONGEST_WORDS = 500


@profile
def run(inputs: FetchInputs, services: Services) -> FetchOutputs:
    """Probe every video of the shard."""
    found: dict[str, Stored] = {}
    entries = inputs.manifest.read(services.store)
    sources = Sources((entry.video for entry in entries), services)

    def identified(entry: Entry[Any]) -> Entry[Any]:
        video = entry.video
        stored = found[video.source] = sources.read(video, lambda: _head(video, services))
        return entry.model_copy(update={"etag": stored.etag})

    def fetched(job: Job[Video]) -> SourceVideo:
        return sources.read(job.video, lambda: _fetch(job, found[job.video.source]))

    shard = Shard(COMPONENT, entries, services, identify=identified)
    shard.each(fetched)
    return FetchOutputs(**shard.write(inputs.manifest.sibling(COMPONENT.name)))


def _head(video: Video, services: Services) -> Stored:
    try:
        return services.store.head(video.source)
    except NotFoundError as error:
        raise VideoRejectedError(
            Reason.MISSING, f"{video.source}: no such object; upload it or drop it from the input"
        ) from error


def _fetch(job: Job[Video], stored: Stored) -> SourceVideo:
    limits = job.services.settings.limits
    if stored.size == 0:
        raise VideoRejectedError(Reason.EMPTY, f"{stored.uri} has no bytes; upload it again")
    if stored.size > limits.max_video_mb * 10**6:
        raise VideoRejectedError(
            Reason.TOO_MANY_BYTES,
            f"{stored.size / 10**6:.0f} MB, more than VP_MAX_VIDEO_MB={limits.max_video_mb}",
        )
    with job.source(stored.size) as path:
        found = job.services.decoders.call(
            Access(path, cpu_s=budget.to_probe(limits, stored.size)),
            probe,
            path,
            job.video,
            stored,
            limits,
        )
    _check(found, limits)
    # Which video it is, and how old, a worker does not decide.
    known = {"video": job.video, "etag": stored.etag, "bytes": stored.size}
    return found.model_copy(update={**known, "modified": stored.modified.isoformat()})


def _check(found: SourceVideo, limits: LimitSettings) -> None:
    """Refuse what no video is; later phases and stores rely on it.

    Raises:
        VideoRejectedError: the worker says such.
    """
    width, height = found.width, found.height
    if (
        min(width, height) < 1
        or width * height > limits.max_pixels
        or max(width, height) > limits.max_side
        or found.pixel_aspect <= 0
    ):
        raise unbelievable(f"a size of {width}x{height}")
    if not 0 <= found.duration <= limits.max_duration_s or found.rotation not in (0, 90, 180, 270):
        raise unbelievable(f"{found.duration} s, turned by {found.rotation}")
    words = (found.container, found.codec, found.chosen)
    if any(len(word) > _LONGEST_WORDS or not word.isprintable() for word in words):
        raise unbelievable("a name that is none")
    if not (
        0 <= (found.packets or 0) <= limits.max_samples
        and 0 <= (found.stream or 0) < limits.max_streams
        and len(found.shifts) <= limits.max_samples
    ):
        raise unbelievable(f"{found.packets} packets in stream {found.stream}")
