"""What a plan will take, from what videos of this deployment took so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from components.contract import PHASES
from components.plan.due import Due
from components.settings import Settings
from workflows.operations.history import Averages

_WORKING = PHASES[1:]
# What a phase asks of S3 for a video: (requests, requests a frame, times it reads the source,
# times it reads the frames, times it writes them). A test counts the requests of a real run.
_S3 = {
    "fetch": (4, 0, 1, 0, 0),
    "crop": (3, 0, 1, 0, 0),
    "frame": (4, 0, 1, 0, 1),
    "dedup": (2, 0, 0, 0, 0),
    "upload": (4, 1, 0, 1, 1),
    "embed": (4, 0, 0, 1, 0),
    "index": (3, 0, 0, 0, 0),
    "record": (4, 0, 0, 0, 0),
}


def forecast(
    due: Iterable[Due], past: Averages, settings: Settings, *, gpu: bool
) -> dict[str, Any]:
    """Return the minutes by kind of machine and by phase, S3 requests and bytes to expect.

    Every video counts as an average one, from the first phase that has work to do.

    Args:
        gpu: embed runs on GPUs, and crop where it re-encodes.
    """
    videos: Counter[str] = Counter()
    for one in due:
        first = _WORKING.index(one.stale_from) if one.stale_from else 0
        videos.update(phase for phase in _WORKING[first:] if _follows(phase, one.stale_from))
    minutes = {
        phase: videos[phase] * past.seconds.get(phase, 0.0) / 60
        for phase in _WORKING
        if videos[phase]
    }
    on_gpu = {"embed", *({"crop"} if settings.crop.output == "video" else ())} if gpu else set()
    gpu_minutes = sum(spent for phase, spent in minutes.items() if phase in on_gpu)
    return {
        "from_videos": past.videos,
        "gpu_minutes": round(gpu_minutes, 1),
        "cpu_minutes": round(sum(minutes.values()) - gpu_minutes, 1),
        "minutes": {phase: round(spent, 2) for phase, spent in minutes.items()},
        **_s3(videos, past),
    }


def _follows(phase: str, stale_from: str | None) -> bool:
    """Tell whether a phase is redone; upload and embed do not follow one another."""
    return not (stale_from == "upload" and phase in ("embed", "index"))


def _s3(videos: Mapping[str, int], past: Averages) -> dict[str, int]:
    requests = read = written = 0.0
    for phase, (fixed, a_frame, sources, reads, writes) in _S3.items():
        count = videos.get(phase, 0)
        requests += count * (fixed + a_frame * past.frames)
        read += count * (sources * past.source_bytes + reads * past.tar_bytes)
        written += count * writes * past.tar_bytes
    return {
        "s3_requests": round(requests),
        "s3_bytes_read": round(read),
        "s3_bytes_written": round(written),
    }
