"""Decides which videos to process, leases them to the run and writes one manifest a shard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from components.base.logs import log
from components.base.profiling import profile
from components.base.run_names import run_name
from components.base.side_by_side import batches, side_by_side
from components.base.wording import counted
from components.costs.expected import Rates
from components.costs.machine import PODS, history, this_machine
from components.plan.batches import batched_shards
from components.plan.contract import PlanInputs, PlanOutputs
from components.plan.cutting import cut
from components.plan.decide import Decision, decide
from components.plan.due import Left
from components.plan.lookalikes import lookalikes
from components.plan.packing import Shards
from components.plan.rows import Rows
from components.plan.shard_names import shard_names
from components.records.manifest import Entry, Manifest
from components.records.plan import Plan, plan_uri
from components.records.run_report import RunVideo
from components.records.run_start import RUN_START, RunStart
from components.records.videos import Video
from components.running.done_before import done_before
from components.running.fingerprint import settings_marks
from components.running.services import Services

_WRITERS = 16
# Videos leased in one transaction: none holds others up for long, nor all names in memory.
_LEASES = 5000


@profile
def run(inputs: PlanInputs, services: Services) -> PlanOutputs:
    """Plan the run: which videos, in which shards.

    Raises:
        ConfigurationError: no input, an unreadable one, or a name that is not safe.
        TransientError: S3, Postgres or the queue does not answer.
    """
    now = datetime.now(UTC)
    inputs = inputs.model_copy(update={"run": inputs.run or run_name()})
    start = RunStart.now(inputs.run)
    # First of all, so that a run which is killed anywhere is known to have broken off.
    _book(start, services)
    decision = decide(inputs, services, now)
    reused = _taken_over(decision, services) if not inputs.catch_up else 0
    holders = _lease(decision, inputs.run, services)
    bucket = services.settings.storage.artifacts_bucket
    machine = PODS if inputs.pods else this_machine().name
    marks = settings_marks(services.settings)
    rates = Rates(history(services.store, bucket, machine), marks)
    shards, sizing = cut(decision.due, inputs, services.settings, rates)
    parts = batched_shards(len(shards), inputs.shards_per_batch)
    addresses = f"s3://{bucket}/runs/{inputs.run}/%06d/plan.jsonl"
    # Whoever gets batches is told no manifests, of which there may be very many.
    manifests = _written(decision.due, shards, addresses, services, told=not parts)
    plan = Plan(
        run=inputs.run,
        written_at=now.isoformat(timespec="seconds"),
        given=not inputs.catch_up,
        shards=len(shards),
        videos=len(decision.due),
        reused=reused,
        left={left.value: count for left, count in decision.left.items() if count},
        leased_by=tuple(holders),
        pods=inputs.pods,
        machine=machine,
        settings=marks,
        sizing=sizing,
        expected=rates.expected(decision.due.work()),
    )
    document = plan.model_dump_json(indent=1).encode()
    services.store.put(plan_uri(bucket, inputs.run), document, content_type="application/json")
    taken = {"videos": len(decision.due) + reused, "shards": len(shards)}
    _book(start.model_copy(update=taken), services)
    # Only now: with the manifests written, a crash loses nothing.
    decision.acknowledge()
    _say(inputs, decision, plan, len(parts))
    for names in lookalikes(lambda: map("/".join, decision.due.names())):
        log.warning("plan: %s look the same and are different videos", " and ".join(names))
    oldest = decision.oldest
    return PlanOutputs(
        shards=manifests,
        inline=len(manifests),
        batches=parts,
        addresses=addresses,
        names=shard_names(map(decision.due.videos, shards), len(parts)),
        run=inputs.run,
        videos=len(decision.due),
        skipped=decision.skipped,
        leased=plan.leased,
        backlog=decision.backlog,
        backlog_oldest_s=round((now - oldest).total_seconds()) if oldest else 0,
    )


def _book(start: RunStart, services: Services) -> None:
    uri = f"s3://{services.settings.storage.artifacts_bucket}/runs/{start.run}/{RUN_START}"
    services.store.put(uri, start.model_dump_json().encode(), content_type="application/json")


def _taken_over(decision: Decision, services: Services) -> int:
    """Leave out what is done already, where the process can tell; return how many these are.

    A pod that plans has no key to the collection: there each phase finds out by itself.
    """
    if not services.every_phase:
        return 0
    candidates = (due.candidate for due in decision.due)
    services.reused.clear()
    done: set[tuple[str, str]] = set()
    for video, marker in done_before(((one.video, one.etag) for one in candidates), services):
        done.add((video.platform, video.code))
        services.reused.append(RunVideo.of_marker(marker))
    decision.due.keep(bytes(name not in done for name in decision.due.names()))
    return len(done)


def _lease(decision: Decision, run: str, services: Services) -> list[str]:
    """Keep other runs off the videos, and leave out what another run is working on.

    Return the runs that hold leases on videos which were left.
    """
    if not services.ledger:
        return []
    due, hours = decision.due, services.settings.plan.lease_h
    ours = bytearray()
    for names in batches(due.names(), _LEASES):
        leased = services.ledger.lease(names, run, hours)
        ours += bytes(name in leased for name in names)
    left = len(due) - sum(ours)
    decision.left[Left.LEASED] += left
    due.keep(ours)
    if not decision.left[Left.LEASED]:
        return []
    return [lease["run"] for lease in services.ledger.leases() if lease["run"] != run]


def _written(
    due: Rows, shards: Shards, addresses: str, services: Services, *, told: bool
) -> tuple[Manifest[Video], ...]:
    """Write the manifests; return them if they are to be `told`."""

    def write(numbered: tuple[int, Sequence[int]]) -> Manifest[Video]:
        number, shard = numbered
        entries = (Entry[Video](video=video, result=video) for video in map(due.video, shard))
        return Manifest[Video].write(services.store, addresses % number, entries)

    written = side_by_side(write, enumerate(shards), _WRITERS, 4 * _WRITERS)
    return tuple(manifest for manifest in written if told)


def _say(inputs: PlanInputs, decision: Decision, plan: Plan, parts: int) -> None:
    log.info(
        "plan %s: %s in %s and %d %s; left: %s",
        plan.run, counted(plan.videos, "video"), counted(plan.shards, "shard"),
        max(1, parts), "batch" if parts < 2 else "batches",
        ", ".join(f"{count} {left}" for left, count in plan.left.items()) or "none",
    )  # fmt: skip
    if plan.sizing:
        log.info("plan: %s: %s", counted(plan.sizing.shards, "shard"), plan.sizing.why)
    if plan.leased:
        log.warning("plan: %s", plan.left_to_others)
    elif plan.reused:
        log.info("plan: %s more done before, as of today", counted(plan.reused, "video"))
    elif not decision.due:
        log.info(
            "nothing to do: %s holds no %s<platform>/<code>/video.mp4, and %d other objects",
            inputs.source or ("the source bucket" if inputs.catch_up else "JOB_INPUT"),
            "pending " if inputs.catch_up else "",
            decision.skipped,
        )
