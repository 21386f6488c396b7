"""Sums up a run from the manifests that its shards left, also those that never reached the end."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from pydantic import ValidationError

from components.base.logs import log
from components.base.profiling import profile
from components.base.side_by_side import side_by_side
from components.costs import bill, expected, limit, machine
from components.costs.told import told
from components.digest.contract import DigestInputs, DigestOutputs
from components.digest.summary import Summary
from components.errors import Failure, NotFoundError, RunFailedError
from components.pipeline import PHASES
from components.records.bill import Bill
from components.records.booking import Booking
from components.records.digest import Digest
from components.records.limit import Limit, Rate
from components.records.machine import RunWork
from components.records.manifest import Entry, Problem, parsed
from components.records.plan import Plan, plan_uri
from components.records.run_start import RUN_START, RunStart
from components.records.videos import RecordedVideo
from components.records.watch import watches_folder
from components.running.services import Services

_MANIFEST = re.compile(r"/(\d{6,})/(\w+)\.jsonl$")
_READERS = 16
# What is read ahead of the shard that is counted: small shards wait for S3, large ones take memory.
_BYTES_AHEAD, _LEAST_WEIGHT = 16 * 2**20, 2**17


@profile
def run(inputs: DigestInputs, services: Services) -> DigestOutputs:
    """Write `runs/<run>/digest.json` and log it; book what shards that broke off did not.

    Raises:
        RunFailedError: a larger part of the videos failed than is allowed, or of those that were
            asked for all are left to another run.
    """
    bucket = services.settings.storage.artifacts_bucket
    folder = f"s3://{bucket}/runs/{inputs.run}/"
    plan = _plan(plan_uri(bucket, inputs.run), services)
    summary = Summary(inputs.run, plan)
    for left, lines in _shards(folder, services):
        summary.add_shard(left.entries(lines))
        if left.missing and services.ledger:
            services.ledger.book(Booking.of(entry, inputs.run) for entry in left.entries(lines))
    if services.ledger:
        services.ledger.release(inputs.run)
    uri = f"{folder}digest.json"
    digest = _with_costs(summary, plan, folder, services)
    content = digest.model_dump_json(indent=1)
    services.store.put(uri, content.encode(), content_type="application/json")
    outcome = list(summary.outcome())
    for line in [*outcome, *summary.times(), *told(digest)]:
        log.info("digest: %s", line)
    outputs = DigestOutputs(
        digest=uri,
        summary="\n".join(outcome),
        videos=summary.videos,
        done=summary.counts["done"],
        rejected=summary.counts["rejected"],
        failed=summary.counts["failed"],
        leased=plan.leased if plan else 0,
        watches=sum(1 for _ in services.store.objects_in(watches_folder(bucket))),
    )
    if plan and plan.given and plan.leased and not plan.videos and not plan.reused:
        raise RunFailedError(f"nothing was done: {plan.left_to_others}", outputs)
    if summary.percent("failed") > inputs.max_failed_percent:
        raise RunFailedError(
            f"{outputs.failed} of {outputs.videos} videos failed, more than "
            f"{inputs.max_failed_percent:g} %; {uri} names reasons and examples",
            outputs,
        )
    return outputs


def _with_costs(summary: Summary, plan: Plan | None, folder: str, services: Services) -> Digest:
    """Return the digest with what the work took and cost, for later forecasts."""
    digest = summary.digest()
    start = _start(folder, services)
    if plan is None or start is None or not digest.seconds:
        return digest
    began = datetime.fromisoformat(start.began_at)
    work = summary.work((datetime.now(UTC) - began).total_seconds(), start.cpu_since)
    if plan.machine and work.phases:
        bucket = services.settings.storage.artifacts_bucket
        known = machine.history(services.store, bucket, plan.machine)
        machine.keep(services.store, bucket, machine.with_run(known, work))
    foreseen, held = plan.expected, _held(digest, work, plan, services)
    apart = expected.error(foreseen, work) if foreseen else None
    of_cpu = expected.cpu_error(foreseen, work) if foreseen else None
    return digest.model_copy(
        update={
            "machine": plan.machine,
            "work": work,
            "expected": foreseen,
            "forecast_error": None if apart is None else round(apart, 4),
            "cpu_error": None if of_cpu is None else round(of_cpu, 4),
            "bill": _bill(digest, work, held, services),
            "limit": _limit(work, plan, held, services),
        }
    )


def _held(digest: Digest, work: RunWork, plan: Plan, services: Services) -> dict[str, bill.Held]:
    seconds = {phase: spent.total for phase, spent in digest.seconds.items()}
    start_s = services.settings.work.pod_start_s
    if plan.pods:
        return bill.held_by_pods(seconds, digest.shards, plan.pods, start_s)
    return bill.held_here(seconds, work.took_s, machine.this_machine())


def _limit(
    work: RunWork, plan: Plan, held: dict[str, bill.Held], services: Services
) -> Limit | None:
    bucket, of_embed = services.settings.storage.artifacts_bucket, plan.settings.get("embed", "")
    rates: tuple[tuple[Rate, str], ...] = (("decode", ""), ("forward", of_embed))
    known = [
        limit.latest_rate(services.store, bucket, plan.machine, rate, settings)
        for rate, settings in rates
    ]
    return limit.limit(work, held, known)


def _bill(digest: Digest, work: RunWork, held: dict[str, bill.Held], services: Services) -> Bill:
    frames = work.frames / work.videos if work.videos else 0.0
    videos = {phase: spent.videos for phase, spent in digest.seconds.items()}
    stored = bill.Stored(bill.requests(videos, frames), work.tar_bytes)
    return bill.billed(held, stored, work.video_s, services.settings.prices)


def _start(folder: str, services: Services) -> RunStart | None:
    """Return when and where the run began; None if it left no word of it."""
    try:
        return RunStart.model_validate_json(services.store.get(f"{folder}{RUN_START}"))
    except (NotFoundError, ValidationError):
        return None


def _plan(uri: str, services: Services) -> Plan | None:
    try:
        return Plan.model_validate_json(services.store.get(uri))
    except NotFoundError:
        return None


@dataclass(frozen=True)
class _Left:
    """What a shard left in its folder: the bytes of each phase's manifest."""

    folder: str
    sizes: Mapping[str, int]

    @property
    def missing(self) -> str | None:
        """The phase that left none and should have; None once the shard is through."""
        return next((phase for phase in PHASES if phase not in self.sizes), None)

    @property
    def reached(self) -> str:
        """The last phase that the shard came through."""
        passed = list(takewhile(self.sizes.__contains__, PHASES))
        return passed[-1] if passed else PHASES[0]

    @property
    def weight(self) -> int:
        """For how many bytes it counts among those that are read ahead."""
        return max(self.sizes.get(self.reached, 0), _LEAST_WEIGHT)

    def entries(self, content: bytes) -> Iterator[Entry[Any]]:
        """Yield the entries as the shard's last phase left them, one in memory at a time."""
        record = Any if self.missing else RecordedVideo
        uri = f"{self.folder}/{self.reached}.jsonl"
        # By a newer version, too: the children of a run that began before it was deployed.
        for entry in parsed(uri, content, record, passing_over=True):
            yield entry if entry.problem or not self.missing else entry.stopped(self._interrupted)

    @property
    def _interrupted(self) -> Problem:
        return Problem(
            kind="failed",
            phase=str(self.missing),
            reason=Failure.INTERRUPTED.value,
            message=f"{self.missing} left no manifest in {self.folder}; see the log of its pod",
        )


def _shards(folder: str, services: Services) -> Iterator[tuple[_Left, bytes]]:
    """Yield what each shard left, with the last phase's manifest as it lies in S3."""

    def read(left: _Left) -> tuple[_Left, bytes]:
        return left, services.store.get(f"{left.folder}/{left.reached}.jsonl")

    yield from side_by_side(
        read, _left(folder, services), _READERS, _BYTES_AHEAD, lambda left: left.weight
    )


def _left(folder: str, services: Services) -> Iterator[_Left]:
    """Yield what each shard left."""
    sizes: dict[str, dict[str, int]] = defaultdict(dict)
    for stored in services.store.objects(folder):
        if found := _MANIFEST.search(stored.uri):
            sizes[stored.uri.rpartition("/")[0]][found.group(2)] = stored.size
            if len(sizes) > 1:
                # Keys come in order, so the shard before this one is complete.
                done = next(iter(sizes))
                yield _Left(done, sizes.pop(done))
    for shard, left in sizes.items():
        yield _Left(shard, left)
