"""Past runs, by the digests that they left."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from components.errors import ConfigurationError, NotFoundError
from components.services import Services
from components.storage import Store

_AT_ONCE = 16


def digests(services: Services) -> list[dict[str, Any]]:
    """Return the digests of all runs that left one, the newest first."""
    bucket = services.settings.storage.artifacts_bucket
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        folders = services.store.folders(f"s3://{bucket}/runs/")
        found = readers.map(lambda folder: _digest(services.store, folder), folders)
        return sorted(filter(None, found), key=lambda one: str(one["written_at"]), reverse=True)


def digest(services: Services, run: str) -> dict[str, Any]:
    """Return the digest of a run.

    Raises:
        ConfigurationError: it left none.
    """
    folder = f"s3://{services.settings.storage.artifacts_bucket}/runs/{run}/"
    found = _digest(services.store, folder)
    if found is None:
        raise ConfigurationError(
            f"{folder} holds no digest; `oriane runs` lists the runs that ended"
        )
    return found


def _digest(store: Store, folder: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(store.get(f"{folder}digest.json"))
    except (NotFoundError, ValueError):
        return None
    return found


@dataclass(frozen=True)
class Averages:
    """What a video of this deployment amounts to; seconds by phase, sizes in bytes."""

    videos: int
    seconds: dict[str, float]
    frames: float
    source_bytes: float
    tar_bytes: float


def averages(digests: Iterable[dict[str, Any]]) -> Averages | None:
    """Return the means over the videos that past runs decoded; None where there are none."""
    worked = {"videos": 0, "frames": 0, "source_bytes": 0, "tar_bytes": 0}
    seconds: dict[str, tuple[float, int]] = {}
    for one in digests:
        for name in worked:
            worked[name] += one.get("worked", {}).get(name, 0)
        for phase, spent in one["seconds"].items():
            total, videos = seconds.get(phase, (0.0, 0))
            seconds[phase] = total + spent["total"], videos + spent["videos"]
    videos = worked["videos"]
    if not videos:
        return None
    return Averages(
        videos=videos,
        seconds={phase: total / count for phase, (total, count) in seconds.items()},
        frames=worked["frames"] / videos,
        source_bytes=worked["source_bytes"] / videos,
        tar_bytes=worked["tar_bytes"] / videos,
    )
