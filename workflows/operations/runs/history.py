"""Past runs, by the digests that they left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from components.base.side_by_side import side_by_side
from components.errors import ConfigurationError, NotFoundError
from components.records.digest import Digest, Worked
from components.running.services import Services
from components.stores.s3 import Store


def digests(services: Services) -> list[Digest]:
    """Return the digests of all runs that left one, the newest first."""
    bucket = services.settings.storage.artifacts_bucket
    folders = services.store.folders(f"s3://{bucket}/runs/")
    found = side_by_side(lambda folder: _digest(services.store, folder), folders, 16, 64)
    return sorted(filter(None, found), key=lambda one: one.written_at, reverse=True)


def digest(services: Services, run: str) -> Digest:
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


def _digest(store: Store, folder: str) -> Digest | None:
    try:
        return Digest.model_validate_json(store.get(f"{folder}digest.json"))
    except (NotFoundError, ValidationError):
        return None


@dataclass(frozen=True)
class Averages:
    """What a video of this deployment amounts to; seconds by phase, sizes in bytes."""

    videos: int
    seconds: dict[str, float]
    frames: float
    source_bytes: float
    tar_bytes: float


def averages(digests: Iterable[Digest]) -> Averages | None:
    """Return the means over the videos that past runs decoded; None where there are none."""
    worked: Counter[str] = Counter()
    seconds: dict[str, tuple[float, int]] = {}
    for one in digests:
        worked.update({name: getattr(one.worked, name) for name in Worked.model_fields})
        for phase, spent in one.seconds.items():
            total, videos = seconds.get(phase, (0.0, 0))
            seconds[phase] = total + spent.total, videos + spent.videos
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
