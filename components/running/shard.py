"""Runs one phase over the videos of a shard: reuse, isolation of failures, progress, manifest.

Whoever finds a result or rejection of the same fingerprint (see `components.running.results`)
takes it over instead of working.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic

from components.base import cpu_time
from components.base.disk import space_error
from components.base.logs import log
from components.base.profiling import span
from components.base.redaction import safe
from components.contract import Component, Out
from components.errors import (
    ConfigurationError,
    Failure,
    PipelineError,
    TransientError,
    VideoRejectedError,
    WorkerFaultError,
)
from components.records.manifest import Entry, GpuTime, Manifest, PhaseStep, Problem, Result
from components.records.record import Record
from components.running.fingerprint import continued, digest, fingerprint, source_identity
from components.running.job import Job
from components.running.results import Outcome
from components.running.services import Services

Identify = Callable[[Entry[Any]], Entry[Any]]
Files = Callable[[Any], Sequence[str]]
Seen = Callable[[Job[Any]], Record | None]
Verified = Callable[[Job[Any], Any], bool]


class Shard(Generic[Result]):
    """The entries of one shard on their way through one phase."""

    def __init__(
        self,
        component: Component[Any, Any],
        entries: Sequence[Entry[Result]],
        services: Services,
        *,
        identify: Identify = lambda entry: entry,
        files: Files | None = None,
        verified: Verified | None = None,
        exclusive: bool = False,
        seen: Seen | None = None,
    ) -> None:
        """
        Args:
            identify: Returns the entry with its source's ETag; may raise VideoRejectedError.
            seen: Returns the result if what the phase would come to is there already, else None.
                For phases whose work shows for itself: nothing is kept of them beside it.
            files: Returns the S3 objects that a result names; without all of them it is redone.
            verified: Return whether an earlier result still holds outside the artifacts bucket.
            exclusive: A result replaces that of other settings, in a place which has room for one.
                So those are dropped before the work starts, and not reused when settings return.
        """
        self._component = component
        self._output: type[Manifest[Any]] = component.outputs.model_fields["manifest"].annotation
        self._entries: list[Entry[Any] | None] = [None] * len(entries)
        self._arriving = list(enumerate(entries))
        self._services = services
        self._identify, self._files, self._verified = identify, files, verified
        self._seen = seen
        self._exclusive = exclusive
        self._results = services.results.listing() if exclusive else services.results
        self._limits = digest(services.settings.limits.model_dump_json())

    def pending(self) -> Iterator[Job[Result]]:
        """Yield the videos that need work; settle those stopped earlier and those reusable."""
        if not self._seen:
            arriving = (entry for _, entry in self._arriving if not entry.problem)
            self._results.list_ahead(entry.video for entry in arriving)
        with ThreadPoolExecutor(8) as pool:
            for job in pool.map(self._arrive, self._arriving):
                if job:
                    yield job

    def each(self, work: Callable[[Job[Result]], Record]) -> None:
        """Do `work` on every video that needs it, several at once."""
        with ThreadPoolExecutor(self._services.settings.work.worker_count) as pool:
            for future in [pool.submit(self.attempt, job, work) for job in self.pending()]:
                future.result()

    def attempt(
        self,
        job: Job[Result],
        work: Callable[[Job[Result]], Record],
        spent: float = 0.0,
        cpu_spent: float | None = 0.0,
        gpu: GpuTime | None = None,
    ) -> None:
        """Do `work` on one video and settle it, whatever comes of it.

        Args:
            spent: Seconds that went into this video before.
            cpu_spent: CPU seconds of these; None where it was not the CPU that worked.
            gpu: What a GPU did of them.

        Raises:
            ConfigurationError: the one failure that no other video would escape.
        """
        start, cpu_start = time.perf_counter(), cpu_time.spent()
        with span(job.phase, video=str(job.video)):
            try:
                if self._exclusive:
                    self._results.drop_others(job.video, job.phase, job.fingerprint)
                result = work(job)
                seconds = spent + time.perf_counter() - start
                cpu_s = None if cpu_spent is None else cpu_spent + cpu_time.spent() - cpu_start
                self.finish(job, result, seconds, cpu_s, gpu)
            except ConfigurationError:
                raise
            except Exception as error:
                self.stop(job, error)

    def finish(
        self,
        job: Job[Result],
        result: Record,
        seconds: float,
        cpu_s: float | None = None,
        gpu: GpuTime | None = None,
    ) -> None:
        """Keep the result for later runs and pass the video on."""
        if not self._seen:
            self._keep(job, Outcome(result=result.model_dump(mode="json")))
        step = self._step(job, seconds, cpu_s=cpu_s).model_copy(update={"gpu": gpu})
        self._settle(job, job.entry.advanced(result, step), "done", seconds)

    def stop(self, job: Job[Result], error: Exception) -> None:
        """Book the video as rejected or failed."""
        problem = _problem(job.phase, error)
        if problem.kind == "rejected" and job.fingerprint:
            self._keep_rejection(job, problem)
        if problem.reason == Failure.INTERNAL_ERROR and self._services.is_new_fault(
            job.phase, error
        ):
            log.exception("%s %s", job.phase, job.video, exc_info=error)
        self._settle(job, job.entry.stopped(problem), problem.kind, 0.0)

    @property
    def entries(self) -> list[Entry[Any]]:
        """The entries as they leave the phase, in order; complete once all are settled."""
        entries = [entry for entry in self._entries if entry is not None]
        assert len(entries) == len(self._entries), "a video left the phase unsettled"
        return entries

    def write(self, uri: str) -> dict[str, Any]:
        """Write the manifest to `uri` and return the fields of ShardOutputs."""
        entries = self.entries
        problems = [entry.problem for entry in entries if entry.problem]
        failed = [problem for problem in problems if problem.kind == "failed"]
        return {
            "manifest": self._output.write(self._services.store, uri, entries).holding(entries),
            "done": len(entries) - len(problems),
            "rejected": len(problems) - len(failed),
            "failed": sum(problem.phase == self._component.name for problem in failed),
        }

    def _arrive(self, arriving: tuple[int, Entry[Result]]) -> Job[Result] | None:
        index, entry = arriving
        if entry.problem:
            self._entries[index] = entry
            return None
        job = Job(index, entry, "", self._component.name, self._services)
        try:
            entry = self._identify(entry)
            name = self._component.name
            # A step that others reuse may follow another phase than in the DAG.
            last = entry.fingerprint or source_identity(entry.video.source, entry.etag)
            before = continued(name, entry.fingerprints, last)
            mark = fingerprint(self._component, self._services.settings, before)
            job = Job(index, entry, mark, name, self._services)
            settled = self._shows(job) if self._seen else self._reuse(job)
        except ConfigurationError:
            raise
        except Exception as error:
            self.stop(job, error)
            return None
        return None if settled else job

    def _shows(self, job: Job[Result]) -> bool:
        """Settle the video if what the phase would come to is there already."""
        found = self._seen(job) if self._seen else None
        if found is not None:
            self._reused(job, found)
        return found is not None

    def _reuse(self, job: Job[Result]) -> bool:
        """Settle the video with an earlier outcome, if there is one that still holds."""
        outcome = self._results.read(job.video, job.artifact("json"), self._output.of())
        if outcome is None:
            return False
        if outcome.problem:
            if outcome.limits != self._limits:
                return False
            self._settle(job, job.entry.stopped(outcome.problem), "rejected", 0.0, reused=True)
            return True
        result = self._output.of().model_validate(outcome.result)
        if self._files and not self._results.hold(job.video, self._files(result)):
            return False
        if self._verified and not self._verified(job, result):
            return False
        self._reused(job, result)
        return True

    def _reused(self, job: Job[Result], result: Record) -> None:
        step = self._step(job, 0.0, reused=True)
        self._settle(job, job.entry.advanced(result, step), "reused", 0.0, reused=True)

    def _keep(self, job: Job[Result], outcome: Outcome) -> None:
        self._results.write(job.video, job.artifact("json"), outcome)

    def _keep_rejection(self, job: Job[Result], problem: Problem) -> None:
        try:
            self._keep(job, Outcome(problem=problem, limits=self._limits))
        except TransientError as error:
            log.warning("%s: rejection not kept, the next run judges again: %s", job.video, error)

    def _step(
        self,
        job: Job[Result],
        seconds: float,
        reused: bool = False,
        cpu_s: float | None = None,
    ) -> PhaseStep:
        return PhaseStep(
            phase=job.phase,
            fingerprint=job.fingerprint,
            seconds=round(seconds, 4),
            reused=reused,
            cpu_s=None if cpu_s is None else round(cpu_s, 4),
        )

    def _settle(
        self,
        job: Job[Result],
        entry: Entry[Any],
        outcome: str,
        seconds: float,
        reused: bool = False,
    ) -> None:
        self._entries[job.index] = entry
        fields = {
            "video": str(job.video),
            "phase": job.phase,
            "seconds": round(seconds, 4),
            "outcome": outcome,
            "reused": reused,
        }
        if entry.problem:
            fields["reason"] = entry.problem.reason
            log.warning(
                "%s %s %s: %s", job.phase, job.video, outcome, entry.problem.message, extra=fields
            )
        else:
            log.info("%s %s %s %.2f s", job.phase, job.video, outcome, seconds, extra=fields)
        self._services.progress(job.phase, job.video, outcome)


def run_each(
    component: Component[Any, Out],
    manifest: Manifest[Result],
    services: Services,
    work: Callable[[Job[Result]], Record],
    *,
    files: Files | None = None,
    verified: Verified | None = None,
    exclusive: bool = False,
    seen: Seen | None = None,
) -> Out:
    """Run a phase that does the same `work` on every video of a manifest; return its outputs.

    The new manifest lies beside the one that was read. See `Shard` for the rest.
    """
    shard = Shard(
        component,
        manifest.read(services.store),
        services,
        files=files,
        verified=verified,
        exclusive=exclusive,
        seen=seen,
    )
    shard.each(work)
    return component.outputs(**shard.write(manifest.sibling(component.name)))


def _problem(phase: str, error: Exception) -> Problem:
    """Return what is booked; its message is kept in many places, so no secret may be in it."""
    problem = _problem_of(phase, error)
    return problem.model_copy(update={"message": safe(problem.message)})


def _problem_of(phase: str, error: Exception) -> Problem:
    if isinstance(error, VideoRejectedError):
        return Problem(
            kind="rejected", phase=phase, reason=error.reason.value, message=error.message
        )
    if isinstance(error, OSError) and (no_space := space_error(error, error.filename or "a file")):
        error = no_space
    if isinstance(error, PipelineError):
        return Problem(
            kind="failed", phase=phase, reason=Failure.UNAVAILABLE.value, message=str(error)
        )
    return Problem(
        kind="failed",
        phase=phase,
        reason=Failure.INTERNAL_ERROR.value,
        message=str(error)
        if isinstance(error, WorkerFaultError)
        else f"{type(error).__name__}: {error}",
    )
