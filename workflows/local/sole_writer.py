"""One at a time changes what is on this machine, where no ledger has leases.

The embedded Qdrant is shared by processes, so its own lock keeps nobody off: two runs would take
the same videos up, and a deletion would meet a video that is being indexed. Readers need no lock.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from components.errors import TransientError
from components.settings import Settings

_LOCK = "writer.lock"
# Who looks whether it is held has it for some microseconds.
_LOOKING_S = 0.05


@contextmanager
def sole_writer(settings: Settings) -> Iterator[None]:
    """Keep others off while inside; with a ledger or a server of Qdrant, leases do so or nothing.

    Raises:
        TransientError: another process is inside.
    """
    folder = _folder(settings)
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("ab") as lock:
        if not _locked(lock, fcntl.LOCK_EX):
            time.sleep(_LOOKING_S)
            if not _locked(lock, fcntl.LOCK_EX):
                raise TransientError(
                    f"{folder} is in use by another process, which changes what is there (a run, "
                    "or delete, verify --repair or model); wait for it to end, or set DB_HOST: "
                    "with Postgres, runs lease their videos and go side by side"
                )
        yield


def is_changed_by_another(settings: Settings) -> bool:
    """Return whether another process is inside `sole_writer`."""
    folder = _folder(settings)
    if folder is None or not (folder / _LOCK).exists():
        return False
    with (folder / _LOCK).open("rb") as lock:
        return not _locked(lock, fcntl.LOCK_SH)


def _folder(settings: Settings) -> Path | None:
    """Return where the lock lies; None where leases keep others off, or nothing does."""
    index = settings.index
    if settings.ledger.local_mode and index.embedded and index.url:
        return Path(index.url)
    return None


def _locked(lock: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
