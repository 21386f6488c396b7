"""Runs the DAG on this machine: the same components, in threads of one process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any

from components.base.logs import log
from components.dag import Item, Pipeline, Source, Step
from components.errors import Failure, PipelineError, TransientError
from components.records.manifest import Entry, Manifest, Problem
from components.records.videos import Video
from components.running.phase import run
from components.running.services import Services
from workflows.local.shared_fault import SharedFault

# When so many shards in a row cannot be worked on at all, the rest is not tried.
_GIVE_UP_AFTER = 3


class LocalRun:
    """One run of the pipeline: plan, then every shard through its steps."""

    def __init__(self, pipeline: Pipeline, services: Services, shards_in_flight: int) -> None:
        self._pipeline, self._services = pipeline, services
        self._in_flight = shards_in_flight
        self._failures_in_a_row = 0
        self._fault = SharedFault()

    def plan(self, **parameters: Any) -> dict[Source, Any]:
        """Run the steps before the fan-out; return all values known by then, by their source."""
        known: dict[Source, Any] = {
            parameter: parameters[parameter.name]
            for parameter in self._pipeline.parameters
            if parameter.name in parameters
        }
        for step in self._pipeline.once:
            self._run_step(step, known)
        return known

    def shards(self, known: dict[Source, Any]) -> Iterator[list[Entry[Any]]]:
        """Run the fan-out and yield each shard's final entries, in order of completion.

        Raises:
            PipelineError: one that no other shard would escape either.
        """
        items = iter(known[self._pipeline.over])
        running: set[Future[list[Entry[Any]]]] = set()
        with ThreadPoolExecutor(self._in_flight) as pool:
            try:
                while True:
                    for item in islice(items, self._in_flight - len(running)):
                        running.add(pool.submit(self._shard, item, dict(known)))
                    if not running:
                        return
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        entries = future.result()
                        self._fault.add(entries)
                        yield entries
            finally:
                pool.shutdown(cancel_futures=True)

    def _shard(self, item: Manifest[Video], known: dict[Source, Any]) -> list[Entry[Any]]:
        """Run the steps of one shard, independent ones side by side."""
        if self._failures_in_a_row >= _GIVE_UP_AFTER:
            error = TransientError(f"not tried, {_GIVE_UP_AFTER} shards before it failed")
            return self._failed(item, self._pipeline.each[0].name, error)
        if self._fault.verdict:
            return self._stopped(item, self._fault.verdict)
        known[Item(self._pipeline.over)] = item
        waiting, done = list(self._pipeline.each), {step.name for step in self._pipeline.once}
        running: dict[Future[None], Step] = {}
        with ThreadPoolExecutor(len(waiting)) as branches:
            while waiting or running:
                for step in [step for step in waiting if step.depends_on <= done]:
                    waiting.remove(step)
                    running[branches.submit(self._run_step, step, known)] = step
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    step = running.pop(future)
                    try:
                        future.result()
                    except TransientError as error:
                        self._failures_in_a_row += 1
                        wait(running)
                        return self._failed(item, step.name, error)
                    done.add(step.name)
        self._failures_in_a_row = 0
        final: Manifest[Any] = known[self._pipeline.each[-1].manifest]
        return final.read(self._services.store)

    def _run_step(self, step: Step, known: dict[Source, Any]) -> None:
        arguments = {
            name: known[source] for name, source in step.arguments.items() if source in known
        }
        outputs = run(step.component, step.component.inputs(**arguments), self._services)
        if step is self._pipeline.each[0] and self._is_new(outputs.manifest):
            # There will be frames to embed, and loading the model takes as long as decoding some.
            self._services.load_encoder_ahead()
        for name in step.component.outputs.model_fields:
            known[getattr(step, name)] = getattr(outputs, name)

    def _is_new(self, manifest: Manifest[Any]) -> bool:
        """Return whether the phase worked on any of the videos, rather than reuse what it had."""
        entries = manifest.read(self._services.store)
        return any(entry.result and not entry.steps[-1].reused for entry in entries)

    def _failed(self, item: Manifest[Video], phase: str, error: PipelineError) -> list[Entry[Any]]:
        """Return the shard's videos as failed in this phase."""
        log.error("%s: %s", phase, error, extra={"phase": phase, "shard": item.uri})
        problem = Problem(
            kind="failed", phase=phase, reason=Failure.UNAVAILABLE.value, message=str(error)
        )
        try:
            return self._stopped(item, problem)
        except TransientError:
            # Not even the plan can be read: S3 is gone, and with it the videos' names.
            raise error from None

    def _stopped(self, item: Manifest[Video], problem: Problem) -> list[Entry[Any]]:
        return [entry.stopped(problem) for entry in item.read(self._services.store)]
