"""Lists the videos to process and writes one manifest a shard."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from components.errors import ConfigurationError
from components.logs import log
from components.manifest import Entry, Manifest, Video
from components.plan.contract import Batch, PlanInputs, PlanOutputs
from components.plan.job_input import SOURCE_FILE, listed_video, parse_job_input
from components.plan.naming import run_name
from components.plan.packing import packed
from components.plan.pending import pending
from components.profiling import profile
from components.services import Services
from components.storage import Stored, split

# A thousand child workflows are about a megabyte of their parent's status, before compression.
_MOST_BATCHES = 1000


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
    addresses = f"s3://{bucket}/runs/{name}/%06d/plan.jsonl"

    def write(numbered: tuple[int, list[Video]]) -> Manifest[Video]:
        number, shard = numbered
        entries = [Entry[Video](video=video, result=video) for video in shard]
        return Manifest[Video].write(services.store, addresses % number, entries)

    with ThreadPoolExecutor(16) as writers:
        manifests = tuple(writers.map(write, enumerate(shards)))
    batches = _batches(len(shards), inputs.shards_per_batch)
    log.info(
        "plan %s: %d videos in %d shards and %d batches",
        name, len(videos), len(shards), max(1, len(batches)),
    )  # fmt: skip
    if not videos:
        log.warning(
            "nothing to do: %s holds no %s<platform>/<code>/video.mp4, and %d other objects",
            inputs.source or "JOB_INPUT",
            "pending " if inputs.catch_up else "",
            skipped,
        )
    return PlanOutputs(
        shards=() if batches else manifests,
        inline=0 if batches else len(manifests),
        batches=batches,
        addresses=addresses,
        run=name,
        videos=len(videos),
        skipped=skipped,
    )


def _batches(shards: int, most: int) -> tuple[Batch, ...]:
    """Return batches of `most` shards, or none if one workflow can handle all.

    Raises:
        ConfigurationError: more batches than one workflow should start.
    """
    if not most or shards <= most:
        return ()
    if shards > most * _MOST_BATCHES:
        raise ConfigurationError(
            f"{shards} shards make more than {_MOST_BATCHES} batches of {most}; raise "
            "videos_per_shard or shards_per_batch, or set limit"
        )
    return tuple(
        Batch(first=first, count=min(most, shards - first)) for first in range(0, shards, most)
    )


def _videos(inputs: PlanInputs, services: Services) -> tuple[list[Video], list[int], int]:
    """Return the videos, their sizes in bytes (0 where unknown), and how many objects are none."""
    if inputs.source and inputs.job_input:
        raise ConfigurationError("give source or job_input, not both")
    if inputs.source or (inputs.catch_up and not inputs.job_input):
        return _listed(inputs, services)
    if inputs.catch_up or inputs.limit:
        raise ConfigurationError("catch_up and limit need source, the s3:// prefix to list")
    text = inputs.job_input or services.settings.plan.job_input
    if not text:
        raise ConfigurationError(
            "nothing to plan; give source (an s3:// prefix), job_input, or the variable JOB_INPUT"
        )
    if text.startswith("s3://"):
        text = services.store.get(text).decode()
    videos = parse_job_input(text, services.settings.storage.videos_bucket)
    return videos, [0] * len(videos), 0


def _listed(inputs: PlanInputs, services: Services) -> tuple[list[Video], list[int], int]:
    storage = services.settings.storage
    source = inputs.source or f"s3://{storage.videos_bucket}/"
    if not source.startswith("s3://"):
        raise ConfigurationError(f"source: expected s3://bucket/prefix, found {source!r}")
    listing = _Listing(services.store.objects(source))
    sources: Iterator[Stored] = iter(listing)
    if inputs.catch_up:
        bucket, prefix = split(source)
        # A deeper prefix could name the source file itself, which no marker lies below.
        folder = "/".join(prefix.split("/")[:2])
        booked = services.store.objects(f"s3://{storage.frames_bucket}/{folder}")
        laid_out = (stored for stored in sources if _is_laid_out(stored, bucket))
        sources = pending(laid_out, booked, services.store)
    if inputs.limit:
        # The newest first, so that old ones which fail every night do not keep out new ones.
        taken = heapq.nlargest(
            inputs.limit, sources, key=lambda stored: (stored.modified, stored.uri)
        )
        sources = iter(sorted(taken, key=lambda stored: stored.uri))
    found = [(listed_video(stored.uri), stored.size) for stored in sources]
    videos = [video for video, _ in found if video]
    return videos, [size for _, size in found], listing.skipped


def _is_laid_out(stored: Stored, bucket: str) -> bool:
    """Tell whether a video lies at the top of its bucket, where its marker has the same folder."""
    video = listed_video(stored.uri)
    return video is not None and stored.uri == f"s3://{bucket}/{video}/{SOURCE_FILE}"


class _Listing:
    """The videos of a listing; counts the objects that are none."""

    def __init__(self, objects: Iterator[Stored]) -> None:
        self._objects = objects
        self.skipped = 0

    def __iter__(self) -> Iterator[Stored]:
        for stored in self._objects:
            if listed_video(stored.uri):
                yield stored
            else:
                self.skipped += 1
                log.info("plan: %s is no <platform>/<code>/video.mp4, skipped", stored.uri)
