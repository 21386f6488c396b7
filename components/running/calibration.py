"""Measures what this machine takes for bare decoding and bare forward passes, in seconds.

Once a machine and setup, on a video of the run, and after work beside which it does not count.
What goes wrong with it is a warning.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from components.base.logs import log
from components.contract import Component
from components.costs.limit import known_rate, rate_uri
from components.costs.machine import this_machine
from components.errors import PipelineError
from components.records.limit import MeasuredRate, Rate
from components.records.manifest import Entry
from components.records.videos import FramedVideo, SourceVideo
from components.running import budget
from components.running.decoders import Access, has_gpu
from components.running.fingerprint import digest, settings_marks
from components.running.services import Services
from components.stores.checksums import Expected

_DECODE_CPU_S, _FORWARD_S = 1.5, 1.0
# A picture as large as frames often are; what the model takes does not depend on what it shows.
_PICTURE = (640, 360)


def longest(entries: Iterable[Entry[Any]]) -> list[Entry[Any]]:
    """Return the entry of the longest video that was decoded, to measure with; none without one."""
    decoded = [entry for entry in entries if "frame" in entry.seconds_worked and _source(entry)]
    return sorted(decoded, key=_duration)[-1:]


def _duration(entry: Entry[Any]) -> float:
    source = _source(entry)
    return source.duration if source else 0.0


def calibrate_run(services: Services, entries: Iterable[Entry[Any]], worked_s: float) -> None:
    """Measure both rates of this machine, if the run worked long enough and they are not known."""
    source = next(filter(None, map(_source, entries)), None)
    if source and worked_s >= services.settings.work.calibrate_after_s:
        _decoding(services, source, in_pod=False)
        _embedding(services, in_pod=False)


def calibrate_pod(
    component: Component[Any, Any], entries: Iterable[Entry[Any]], services: Services
) -> None:
    """Measure the rate of what this pod does, if it worked long enough and it is not known."""
    known = list(entries)
    phases = {*component.runs, component.name} & {"frame", "embed"}
    worked_s = sum(entry.seconds_worked.get(phase, 0.0) for entry in known for phase in phases)
    source = max(filter(None, map(_source, known)), key=lambda one: one.duration, default=None)
    if not source or worked_s < services.settings.work.calibrate_after_s:
        return
    if "frame" in phases:
        _decoding(services, source, in_pod=True)
    if "embed" in phases:
        _embedding(services, in_pod=True)


def _source(entry: Entry[Any]) -> SourceVideo | None:
    """Return the source of a video that came through the phase, and was worked on."""
    result = entry.result
    while result is not None and not isinstance(result, FramedVideo):
        result = getattr(result, "framed", None) or getattr(result, "indexed", None)
    return result.cropped.source if result and entry.seconds_worked else None


def _decoding(services: Services, source: SourceVideo, *, in_pod: bool) -> None:
    from components.media.bare_decoding import decode

    setup = f"av {metadata.version('av')}"
    uri = _missing(services, "decode", setup, in_pod=in_pod)
    if uri is None:
        return
    limits, expected = services.settings.limits, Expected(size=source.bytes, etag=source.etag)
    try:
        with services.copies.of(source.video.source, source.etag, "source", expected) as path:
            access = Access(path, cpu_s=budget.to_decode(limits, source))
            arguments = (path, source, _DECODE_CPU_S, limits.max_pixels)
            found = services.decoders.call(access, decode, *arguments)
        if found.mpx:
            cpu_s = found.cpu_s / found.mpx
            _keep(services, uri, rate="decode", setup=setup, amount=found.mpx, cpu_s=cpu_s)
    except PipelineError as error:
        log.warning("this machine's decoding was not measured: %s", error)


def _embedding(services: Services, *, in_pod: bool) -> None:
    import numpy as np
    from PIL import Image

    embed = services.settings.embed
    setup = digest(embed.model_dump_json())
    uri = _missing(services, "forward", setup, in_pod=in_pod)
    if uri is None:
        return
    try:
        encoder = services.encoder
        noise = np.random.default_rng(0).integers(0, 255, (*_PICTURE[::-1], 3), np.uint8)
        batch = [encoder.preprocess(Image.fromarray(noise))] * encoder.batch_size
        encoder.embed(batch)
        start, cpu_start, frames = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - start < _FORWARD_S:
            encoder.embed(batch)
            frames += len(batch)
        spent = {"gpu_s": time.perf_counter() - start}
        if embed.device == "cpu" or not has_gpu():
            spent = {"cpu_s": time.process_time() - cpu_start}
        _keep(
            services,
            uri,
            rate="forward",
            setup=setup,
            settings=settings_marks(services.settings).get("embed", ""),
            amount=frames,
            **{name: seconds / frames for name, seconds in spent.items()},
        )
    except PipelineError as error:
        log.warning("this machine's forward passes were not measured: %s", error)


def _missing(services: Services, rate: Rate, setup: str, *, in_pod: bool) -> str | None:
    """Return the address of a rate that has to be measured; None where it is known."""
    bucket = services.settings.storage.artifacts_bucket
    uri = rate_uri(bucket, this_machine().name, rate, in_pod=in_pod)
    try:
        known = known_rate(services.store, uri)
    except PipelineError as error:
        log.warning("%s: %s", uri, error)
        return None
    return None if known and known.setup == setup else uri


def _keep(services: Services, uri: str, **measured: Any) -> None:
    found = MeasuredRate(
        machine=this_machine().name,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        **measured,
    )
    services.store.put(uri, found.model_dump_json(indent=1).encode(), "application/json")
    log.info("calibrated %s: %s", found.machine, uri)
