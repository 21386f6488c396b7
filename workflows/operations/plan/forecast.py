"""What a plan will take, from what videos of this deployment took so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from components.costs import bill
from components.costs.expected import redone
from components.pipeline import VIDEO_PHASES, component
from components.settings import Settings
from workflows.operations.plan.report import Forecast
from workflows.operations.runs.history import Averages


def forecast(
    stale_from: Iterable[str | None], past: Averages, settings: Settings, *, gpu: bool
) -> Forecast:
    """Return the minutes by kind of machine and by phase, S3 requests and bytes to expect.

    Every video counts as an average one, from the first phase that has work to do.

    Args:
        stale_from: The first phase with work to do, of each video; None for all of them.
        gpu: embed runs on GPUs, and crop where it re-encodes.
    """
    videos: Counter[str] = Counter()
    for first, count in Counter(stale_from).items():
        videos.update(dict.fromkeys(redone(first), count))
    minutes = {
        phase: videos[phase] * past.seconds.get(phase, 0.0) / 60
        for phase in VIDEO_PHASES
        if videos[phase]
    }
    on_gpu = {"embed", *({"crop"} if settings.crop.output == "video" else ())} if gpu else set()
    gpu_minutes = sum(spent for phase, spent in minutes.items() if phase in on_gpu)
    return Forecast(
        from_videos=past.videos,
        gpu_minutes=round(gpu_minutes, 1),
        cpu_minutes=round(sum(minutes.values()) - gpu_minutes, 1),
        minutes={phase: round(spent, 2) for phase, spent in minutes.items()},
        **_s3(videos, past),
    )


def _s3(videos: Mapping[str, int], past: Averages) -> dict[str, int]:
    read = written = 0.0
    for phase, count in videos.items():
        asks = component(phase).traffic
        read += count * (asks.reads_source * past.source_bytes + asks.reads_frames * past.tar_bytes)
        written += count * asks.writes_frames * past.tar_bytes
    return {
        "s3_requests": bill.requests(videos, past.frames),
        "s3_bytes_read": round(read),
        "s3_bytes_written": round(written),
    }
