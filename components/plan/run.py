"""Lists the videos to process and writes one manifest a shard."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from components.errors import ConfigurationError
from components.logs import log
from components.manifest import Entry, Manifest, Video
from components.plan.contract import PlanInputs, PlanOutputs
from components.plan.job_input import listed_video, parse_job_input
from components.plan.naming import run_name
from components.plan.packing import packed
from components.profiling import profile
from components.services import Services


@profile
def run(inputs: PlanInputs, services: Services) -> PlanOutputs:
    """Plan the run: which videos, in which shards.

    Raises:
        ConfigurationError: no input, an unreadable one, or a name that is not safe.
    """
    videos, sizes, skipped = _videos(inputs, services)
    name = inputs.run or run_name()
    shards = packed(videos, sizes, inputs.videos_per_shard)
    bucket = services.settings.storage.artifacts_bucket

    def write(numbered: tuple[int, list[Video]]) -> Manifest[Video]:
        number, shard = numbered
        entries = [Entry[Video](video=video, result=video) for video in shard]
        uri = f"s3://{bucket}/runs/{name}/{number:06d}/plan.jsonl"
        return Manifest[Video].write(services.store, uri, entries)

    with ThreadPoolExecutor(16) as writers:
        manifests = tuple(writers.map(write, enumerate(shards)))
    log.info("plan %s: %d videos in %d shards", name, len(videos), len(shards))
    if not videos:
        log.warning(
            "nothing to do: %s holds no <platform>/<code>/video.mp4, and %d other objects",
            inputs.source or "JOB_INPUT",
            skipped,
        )
    return PlanOutputs(shards=manifests, run=name, videos=len(videos), skipped=skipped)


def _videos(inputs: PlanInputs, services: Services) -> tuple[list[Video], list[int], int]:
    """Return the videos, their sizes in bytes (0 where unknown), and how many objects are none."""
    if inputs.source and inputs.job_input:
        raise ConfigurationError("give source or job_input, not both")
    if inputs.source:
        return _listed(inputs.source, services)
    text = inputs.job_input or services.settings.plan.job_input
    if not text:
        raise ConfigurationError(
            "nothing to plan; give source (an s3:// prefix), job_input, or the variable JOB_INPUT"
        )
    if text.startswith("s3://"):
        text = services.store.get(text).decode()
    videos = parse_job_input(text, services.settings.storage.videos_bucket)
    return videos, [0] * len(videos), 0


def _listed(prefix: str, services: Services) -> tuple[list[Video], list[int], int]:
    if not prefix.startswith("s3://"):
        raise ConfigurationError(f"source: expected s3://bucket/prefix, found {prefix!r}")
    videos: list[Video] = []
    sizes: list[int] = []
    skipped = 0
    for stored in services.store.objects(prefix):
        video = listed_video(stored.uri)
        if video is None:
            skipped += 1
            log.info("plan: %s is no <platform>/<code>/video.mp4, skipped", stored.uri)
            continue
        videos.append(video)
        sizes.append(stored.size)
    return videos, sizes, skipped
