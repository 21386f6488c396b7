"""Which runs of this machine are alive: each holds a file that the kernel unlocks when it ends.

So the next run here knows that one is dead, and takes its videos over without waiting for leases.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from components.base.logs import log
from components.running.services import Services
from components.settings import Settings

if TYPE_CHECKING:
    from components.stores.postgres.ledger import Ledger

_SUFFIX = ".alive"


@contextmanager
def alive(services: Services, run: str) -> Iterator[None]:
    """Take over the videos of dead runs, and show while inside that this one lives.

    Where an error is raised inside, its leases may not have ended: the sign is left behind, for the
    next run to end them.
    """
    if services.ledger is None:
        yield
        return
    folder = services.settings.work.data_dir / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    _take_over(services.ledger, folder)
    sign = folder / f"{run}{_SUFFIX}"
    with sign.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
        sign.unlink(missing_ok=True)


def any_alive(settings: Settings) -> bool:
    """Return whether a run of this machine, one with a ledger, is alive."""
    signs = (settings.work.data_dir / "runs").glob(f"*{_SUFFIX}")
    return any(not _is_dead(sign) for sign in signs)


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
