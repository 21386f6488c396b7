"""Past runs and those under way, by what they left: a start, and in the end a digest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError

from components.base.side_by_side import side_by_side
from components.errors import ConfigurationError, NotFoundError
from components.records.digest import Digest, Worked
from components.records.run_start import RUN_START, RunStart
from components.running.services import Services
from workflows.operations.runs.report import PastRun

if TYPE_CHECKING:
    from components.stores.s3 import Store

# A run in a cluster without Postgres has no lease to show that it goes on; its phases leave a
# manifest at least so often, or ran into their deadline.
_SILENT = timedelta(hours=8)


def runs(services: Services) -> list[PastRun]:
    """Return all runs, the newest first: those that ended with what they came to."""
    leased = _leased(services)
    found = side_by_side(
        lambda folder: _run(services.store, folder, leased), _folders(services), 16, 64
    )
    return sorted(found, key=lambda one: (one.began_at or one.written_at, one.run), reverse=True)


class Runs:
    """The runs of a deployment, page by page, for who asks often.

    When a run began is read once; what it came to only of those that are shown.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._began: dict[str, str] = {}

    def page(self, after: str, limit: int) -> tuple[list[PastRun], bool]:
        """Return the runs that follow the run `after`, the newest first, and whether more do."""
        store = self._services.store
        folders = list(_folders(self._services))
        new = [folder for folder in folders if folder not in self._began]
        moments = side_by_side(lambda folder: _began(store, folder), new, 16, 64)
        self._began |= zip(new, moments, strict=True)
        ordered = sorted(folders, key=lambda one: (self._began[one], _name_of(one)), reverse=True)
        names = [_name_of(folder) for folder in ordered]
        first = names.index(after) + 1 if after in names else 0
        leased = _leased(self._services)
        shown = ordered[first : first + limit]
        found = list(side_by_side(lambda folder: _run(store, folder, leased), shown, 16, 64))
        return found, len(ordered) > first + limit


def run(services: Services, name: str) -> PastRun:
    """Return one run.

    Raises:
        ConfigurationError: there is none of this name.
    """
    folder = f"s3://{services.settings.storage.artifacts_bucket}/runs/{name}/"
    if next(iter(services.store.objects(folder)), None) is None:
        raise ConfigurationError(f"{folder} is empty; `oriane runs` lists the runs there are")
    return _run(services.store, folder, _leased(services))


def digests(services: Services) -> Iterator[Digest]:
    """Yield the digests of all runs that left one."""
    found = side_by_side(lambda folder: _digest(services.store, folder), _folders(services), 16, 64)
    return filter(None, found)


def _folders(services: Services) -> Iterator[str]:
    return services.store.folders(f"s3://{services.settings.storage.artifacts_bucket}/runs/")


def _leased(services: Services) -> set[str]:
    return {lease["run"] for lease in services.ledger.leases()} if services.ledger else set()


def _name_of(folder: str) -> str:
    """Return the name of the run whose folder this is."""
    return folder.rstrip("/").rpartition("/")[2]


def _run(store: Store, folder: str, leased: set[str]) -> PastRun:
    name, start = _name_of(folder), _start(store, folder)
    began = start.began_at if start else None
    if digest := _digest(store, folder):
        return PastRun(**dict(digest), state="ended", began_at=began)
    goes_on = _goes_on(store, folder, start, name in leased)
    return PastRun(
        run=name,
        state="running" if goes_on else "broken_off",
        began_at=began,
        error=start.error if start else None,
        written_at=began or "",
        shards=(start and start.shards) or 0,
        videos=(start and start.videos) or 0,
        done=0,
        rejected=0,
        failed=0,
        reused=0,
        reasons=(),
        seconds={},
    )


def _began(store: Store, folder: str) -> str:
    """Return when a run began; of one that left no word of it, when it was summed up."""
    if start := _start(store, folder):
        return start.began_at
    digest = _digest(store, folder)
    return digest.written_at if digest else ""


def _goes_on(store: Store, folder: str, start: RunStart | None, leased: bool) -> bool:
    if start and start.is_here:
        return start.is_alive and not start.error
    if leased or start is None:
        return leased
    # Elsewhere: in a pod that has ended long since, while others go on.
    latest = max((stored.modified for stored in store.objects(folder)), default=None)
    return latest is not None and datetime.now(UTC) - latest < _SILENT


def _start(store: Store, folder: str) -> RunStart | None:
    try:
        return RunStart.model_validate_json(store.get(f"{folder}{RUN_START}"))
    except (NotFoundError, ValidationError):
        return None


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
