"""What a run leaves when it begins, so that one that breaks off is known."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from components.base import cpu_time
from components.records.record import Document, IsoTime

RUN_START = "run.json"
# Of /proc/PID/stat after the name in brackets: when the process started (proc(5), field 22).
_START_FIELD = 19


class RunStart(Document):
    """When and where a run began: `runs/<run>/run.json`.

    `videos` and `shards` are what it took, None while it is still choosing. `process` tells the
    process that planned it from a later one of the same number. `cpu_s` are the CPU seconds that
    this process, and those below it, had taken by then. `error` is what ended a run on one machine
    before its end.
    """

    run: str
    began_at: IsoTime
    host: str
    pid: int
    process: str
    videos: int | None = None
    shards: int | None = None
    error: str | None = None
    cpu_s: float | None = None

    @classmethod
    def now(cls, run: str) -> Self:
        """Return the start of a run that begins here and now."""
        return cls(
            run=run,
            began_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            host=socket.gethostname(),
            pid=os.getpid(),
            process=_started(os.getpid()) or "",
            cpu_s=cpu_time.of_all_processes(),
        )

    @property
    def cpu_since(self) -> float | None:
        """The CPU seconds taken since, by this process and those below it; None in another one."""
        if self.cpu_s is None or self.pid != os.getpid() or not self.is_alive:
            return None
        return cpu_time.of_all_processes() - self.cpu_s

    @property
    def is_here(self) -> bool:
        """Whether it began on this machine, so that `is_alive` can tell."""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Whether the process that planned it still runs here."""
        return self.is_here and _started(self.pid) == self.process


def _started(pid: int) -> str | None:
    """Return when a process started, in the kernel's clock; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[_START_FIELD]
