"""Measures what this machine takes for bare decoding and bare forward passes, in seconds.

Once a machine and setup, on a video of the run, and after work beside which it does not count.
Whatever goes wrong with it is a warning: the work is done. How a rate is measured is in the room of
the phase that it is a limit of, with the packages of that.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from components.base.logs import log
from components.contract import Component
from components.costs.limit import known_rate, rate_uri
from components.costs.machine import this_machine
from components.records.limit import MeasuredRate, Rate
from components.records.manifest import Entry
from components.records.videos import FramedVideo, SourceVideo
from components.running.services import Services

# Phases with a module `calibration`, whose `measure` takes a Calibration.
CALIBRATED = ("frame", "embed")
# A pod has to fetch the video once more.
_MOST_BYTES = 500_000_000


@dataclass(frozen=True)
class Calibration:
    """A measurement that may be due: on which video, by a pod or by a whole machine."""

    services: Services
    source: SourceVideo
    in_pod: bool

    def is_due(self, rate: Rate, setup: str) -> bool:
        """Return whether the rate is not known with this setup."""
        known = known_rate(self.services.store, self._uri(rate))
        return known is None or known.setup != setup

    def keep(self, rate: Rate, setup: str, **measured: Any) -> None:
        """Write what was measured; see `MeasuredRate`."""
        found = MeasuredRate(
            rate=rate,
            machine=this_machine().name,
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
            setup=setup,
            **measured,
        )
        content = found.model_dump_json(indent=1).encode()
        self.services.store.put(self._uri(rate), content, "application/json")
        log.info("calibrated %s: %s", found.machine, self._uri(rate))

    def _uri(self, rate: Rate) -> str:
        bucket = self.services.settings.storage.artifacts_bucket
        return rate_uri(bucket, this_machine().name, rate, in_pod=self.in_pod)


def longest(entries: Iterable[Entry[Any]]) -> list[Entry[Any]]:
    """Return the entry of the longest video that was decoded, to measure with; none without one."""
    decoded = [entry for entry in entries if "frame" in entry.seconds_worked and _source(entry)]
    return sorted(decoded, key=_duration)[-1:]


def calibrate_run(services: Services, entries: Iterable[Entry[Any]], worked_s: float) -> None:
    """Measure all rates of this machine, if the run worked long enough and they are not known."""
    _calibrate(services, entries, worked_s, CALIBRATED, in_pod=False)


def calibrate_pod(
    component: Component[Any, Any], entries: Iterable[Entry[Any]], services: Services
) -> None:
    """Measure the rate of what this pod does, if it worked long enough and it is not known."""
    known = list(entries)
    phases = [phase for phase in CALIBRATED if phase in (component.name, *component.runs)]
    worked_s = sum(entry.seconds_worked.get(phase, 0.0) for entry in known for phase in phases)
    _calibrate(services, known, worked_s, phases, in_pod=True)


def _calibrate(
    services: Services,
    entries: Iterable[Entry[Any]],
    worked_s: float,
    phases: Iterable[str],
    *,
    in_pod: bool,
) -> None:
    sources = filter(None, map(_source, entries))
    source = max(sources, key=lambda one: one.duration, default=None)
    if source is None or worked_s < services.settings.work.calibrate_after_s:
        return
    for phase in phases:
        try:
            module = importlib.import_module(f"components.{phase}.calibration")
            module.measure(Calibration(services, source, in_pod))
        except Exception as error:
            log.warning("what this machine could in %s was not measured: %s", phase, error)


def _duration(entry: Entry[Any]) -> float:
    source = _source(entry)
    return source.duration if source else 0.0


def _source(entry: Entry[Any]) -> SourceVideo | None:
    """Return the source of a video that came through the phase and was worked on, if not large."""
    result = entry.result
    while result is not None and not isinstance(result, FramedVideo):
        result = getattr(result, "framed", None) or getattr(result, "indexed", None)
    if result is None or not entry.seconds_worked:
        return None
    source = result.cropped.source
    return source if source.bytes <= _MOST_BYTES else None
