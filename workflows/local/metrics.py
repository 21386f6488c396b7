"""The metrics of a run on this machine, for Prometheus: a file, or a push at the run's end.

They describe the last run, so all are gauges, of few label values: outcomes, phases, reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway, write_to_textfile

from components.base.logs import log
from components.pipeline import VIDEO_PHASES
from components.records.digest import Digest, PhaseSeconds
from components.records.run_report import RunReport
from components.settings import MetricsSettings

_JOB = "oriane"
_PUSH_TIMEOUT_S = 10
_NONE = PhaseSeconds(videos=0, total=0, most=0)


def run_metrics(
    report: RunReport, digest: Digest, confined: Mapping[str, bool] | None = None
) -> CollectorRegistry:
    """Return the metrics of a run that just ended, from its report and its digest.

    Args:
        confined: What confined its decoders, by name (see `Decoders.confined_parts`).
    """
    registry = CollectorRegistry()

    def gauge(name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"oriane_run_{name}", f"{meaning}, last run", labels, registry=registry)

    videos = gauge("videos", "Videos by outcome", "outcome")
    for outcome in ("done", "rejected", "failed"):
        videos.labels(outcome).set(getattr(digest, outcome))
    gauge("seconds", "Seconds from start to end").set(report.seconds)
    frames = sum(len(video.frames) for video in report.videos)
    gauge("frames", "Frames of the videos that are done").set(frames)
    phase_seconds = gauge("phase_seconds", "Seconds of work in a phase, all videos", "phase")
    phase_videos = gauge("phase_videos", "Videos a phase worked on, reused ones aside", "phase")
    for phase in VIDEO_PHASES:
        worked = digest.seconds.get(phase, _NONE)
        phase_seconds.labels(phase).set(worked.total)
        phase_videos.labels(phase).set(worked.videos)
    reasons = gauge("reasons", "Videos that stopped in a phase", "kind", "phase", "reason")
    for group in digest.reasons:
        reasons.labels(group.kind, group.phase, group.reason).set(group.count)
    parts = gauge("decoders_confined", "1 if decoders were confined by this part", "part")
    for part, holds in (confined or {}).items():
        parts.labels(part).set(holds)
    gauge("last_end_timestamp_seconds", "Unix time of the end").set_to_current_time()
    if not digest.failed:
        success = gauge("last_success_timestamp_seconds", "Unix time of the end without a failure")
        success.set_to_current_time()
    return registry


def export(settings: MetricsSettings, registry: CollectorRegistry) -> None:
    """Write and push the metrics as the settings ask; what cannot be done is a warning."""
    if settings.file:
        try:
            Path(settings.file).parent.mkdir(parents=True, exist_ok=True)
            write_to_textfile(settings.file, registry)
        except OSError as error:
            log.warning("metrics not written, check VP_METRICS_FILE: %s", error)
    if settings.pushgateway_url:
        try:
            push_to_gateway(settings.pushgateway_url, _JOB, registry, timeout=_PUSH_TIMEOUT_S)
        except (OSError, HTTPException, ValueError) as error:
            # A complaint about the address may quote a password in it.
            why = error if isinstance(error, OSError) else type(error).__name__
            log.warning("metrics not pushed, check VP_PUSHGATEWAY_URL: %s", why)
