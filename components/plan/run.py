"""Decides which videos to process, leases them to the run and writes one manifest a shard."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from components.errors import ConfigurationError
from components.logs import log
from components.manifest import Entry, Manifest, Video
from components.plan.contract import Batch, PlanInputs, PlanOutputs
from components.plan.decide import Decision, decide
from components.plan.due import Due, Left
from components.plan.naming import run_name
from components.plan.packing import packed
from components.plan.queue import EventQueue
from components.profiling import profile
from components.services import Services

# A thousand child workflows are about a megabyte of their parent's status, before compression.
_MOST_BATCHES = 1000


@profile
def run(inputs: PlanInputs, services: Services) -> PlanOutputs:
    """Plan the run: which videos, in which shards.

    Raises:
        ConfigurationError: no input, an unreadable one, or a name that is not safe.
        TransientError: S3, Postgres or the queue does not answer.
    """
    now = datetime.now(UTC)
    inputs = inputs.model_copy(update={"run": inputs.run or run_name()})
    decision = decide(inputs, services, now)
    _lease(decision, inputs.run, services)
    shards = packed(
        [due.candidate.video for due in decision.due],
        [due.candidate.size for due in decision.due],
        inputs.videos_per_shard,
        inputs.mb_per_shard * 10**6,
    )
    batches = _batches(len(shards), inputs.shards_per_batch)
    bucket = services.settings.storage.artifacts_bucket
    addresses = f"s3://{bucket}/runs/{inputs.run}/%06d/plan.jsonl"
    manifests = _written(shards, addresses, services)
    if decision.messages:
        # Only now: with the manifests written, a crash loses nothing.
        EventQueue(services.settings).delete(decision.done_messages)
    _say(inputs, decision, len(shards), len(batches))
    oldest = decision.oldest
    return PlanOutputs(
        shards=() if batches else manifests,
        inline=0 if batches else len(manifests),
        batches=batches,
        addresses=addresses,
        run=inputs.run,
        videos=len(decision.due),
        skipped=decision.skipped,
        backlog=decision.backlog,
        backlog_oldest_s=round((now - oldest).total_seconds()) if oldest else 0,
    )


def _lease(decision: Decision, run: str, services: Services) -> None:
    """Keep other runs off the videos, and leave out what another run is working on."""
    if not services.ledger or not decision.due:
        return

    def names(due: Due) -> tuple[str, str]:
        return due.candidate.video.platform, due.candidate.video.code

    hours = services.settings.plan.lease_h
    leased = services.ledger.lease([names(due) for due in decision.due], run, hours)
    taken = [due for due in decision.due if names(due) in leased]
    decision.left[Left.LEASED] += len(decision.due) - len(taken)
    decision.due = taken
    if decision.left[Left.LEASED]:
        log.warning(
            "plan: %d videos left to the runs that work on them", decision.left[Left.LEASED]
        )


def _written(
    shards: list[list[Video]], addresses: str, services: Services
) -> tuple[Manifest[Video], ...]:
    def write(numbered: tuple[int, list[Video]]) -> Manifest[Video]:
        number, shard = numbered
        entries = [Entry[Video](video=video, result=video) for video in shard]
        return Manifest[Video].write(services.store, addresses % number, entries)

    with ThreadPoolExecutor(16) as writers:
        return tuple(writers.map(write, enumerate(shards)))


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
            "videos_per_shard, mb_per_shard or shards_per_batch, or set limit"
        )
    return tuple(
        Batch(first=first, count=min(most, shards - first)) for first in range(0, shards, most)
    )


def _say(inputs: PlanInputs, decision: Decision, shards: int, batches: int) -> None:
    log.info(
        "plan %s: %d videos in %d shards and %d batches; left: %s",
        inputs.run, len(decision.due), shards, max(1, batches),
        ", ".join(f"{count} {left}" for left, count in decision.left.items() if count) or "none",
    )  # fmt: skip
    if not decision.due:
        log.warning(
            "nothing to do: %s holds no %s<platform>/<code>/video.mp4, and %d other objects",
            inputs.source or ("the source bucket" if inputs.catch_up else "JOB_INPUT"),
            "pending " if inputs.catch_up else "",
            decision.skipped,
        )
