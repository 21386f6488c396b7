"""One at a time changes what is on this machine, where no ledger has leases.

The embedded Qdrant is shared by processes, so its own lock keeps nobody off: two runs would take
the same videos up, and a deletion would meet a video that is being indexed. Readers need no lock.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.errors import TransientError
from components.settings import Settings

_LOCK = "writer.lock"


@contextmanager
def sole_writer(settings: Settings) -> Iterator[None]:
    """Keep others off while inside; with a ledger or a server of Qdrant, leases do so or nothing.

    Raises:
        TransientError: another process is inside.
    """
    index = settings.index
    if not (settings.ledger.local_mode and index.embedded and index.url):
        yield
        return
    folder = Path(index.url)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TransientError(
                f"{folder} is in use by another process, which changes what is there (a run, or "
                "delete, verify --repair or model); wait for it to end, or set DB_HOST: with "
                "Postgres, runs lease their videos and go side by side"
            ) from None
        yield
