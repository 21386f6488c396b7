"""Leases of a run on one machine: short ones, kept alive while the process lives.

Beside the data of its machine a run has a file that the kernel unlocks when its process ends. So
the next run there knows that one is dead, and takes its videos over without waiting for its leases.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from components.base.logs import log
from components.errors import PipelineError
from components.running.services import Services
from components.settings import Settings

if TYPE_CHECKING:
    from components.stores.postgres.ledger import Ledger

_LEASE_H = 2 / 60
_EVERY_S = 30.0
_SUFFIX = ".alive"


def short_lived(settings: Settings) -> Settings:
    """Return the settings with leases as short as a process that renews them can have them."""
    return settings.having("plan", lease_h=_LEASE_H)


@contextmanager
def kept_alive(services: Services, run: str) -> Iterator[None]:
    """Extend the run's leases while inside and end them on leaving; take over those of dead runs.

    A process that is killed so keeps its videos from other machines for two minutes, where a run
    in a cluster, which has no such process, leases them for VP_LEASE_HOURS.
    """
    ledger = services.ledger
    if ledger is None:
        yield
        return
    folder = services.settings.work.data_dir / "runs"
    _take_over(ledger, folder)
    left = threading.Event()

    def extend() -> None:
        while not left.wait(_EVERY_S):
            try:
                ledger.extend(run, _LEASE_H)
            except PipelineError as error:
                log.warning("leases not extended: %s", error)

    with _alive(folder, run) as sign:
        thread = threading.Thread(target=extend, daemon=True)
        thread.start()
        try:
            yield
        finally:
            left.set()
            thread.join()
            ledger.release(run)
        # Left behind where the leases could not be ended, for the next run to end them.
        sign.unlink(missing_ok=True)


@contextmanager
def _alive(folder: Path, run: str) -> Iterator[Path]:
    """Give the file that is locked while this run is alive."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run}{_SUFFIX}"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path


def _take_over(ledger: Ledger, folder: Path) -> None:
    """End the leases of the runs of this machine that are dead."""
    signs = {path.name.removesuffix(_SUFFIX): path for path in folder.glob(f"*{_SUFFIX}")}
    for row in ledger.leases():
        sign = signs.pop(row["run"], None)
        if sign and _is_dead(sign):
            ledger.release(row["run"])
            log.warning("run %s has died; its %d videos are free", row["run"], row["videos"])
            sign.unlink(missing_ok=True)
    for sign in signs.values():
        if _is_dead(sign):
            sign.unlink(missing_ok=True)


def _is_dead(sign: Path) -> bool:
    with suppress(OSError), sign.open() as file:
        return _unlocked(file)
    return False


def _unlocked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
