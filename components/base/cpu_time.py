"""CPU seconds: of a piece of work, by the thread that does it and the processes that help it, and
of this process with all below it.

They say what work takes where seconds on the clock say how busy the machine was.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

_charged = threading.local()
# Of /proc/PID/stat after the name in brackets (proc(5), fields 14 to 17): clock ticks in user mode
# and in the kernel, of the process and of those below it that ended and were waited for.
_TICKS = slice(11, 15)


def charge(cpu_s: float) -> None:
    """Count the CPU seconds of another process, or thread, as this thread's."""
    _charged.seconds = getattr(_charged, "seconds", 0.0) + cpu_s


def spent() -> float:
    """Return the CPU seconds that this thread has taken so far, and those charged to it."""
    seconds: float = time.thread_time() + getattr(_charged, "seconds", 0.0)
    return seconds


def of_all_processes() -> float:
    """Return the CPU seconds of this process and of all below it, those that ended among them."""
    ticks, found = 0, [os.getpid()]
    while found:
        process = Path("/proc") / str(found.pop())
        # One that has just ended counts with the process that waited for it.
        with suppress(OSError):
            stat = (process / "stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, stat[_TICKS]))
            for children in process.glob("task/*/children"):
                found += map(int, children.read_text().split())
    return ticks / os.sysconf("SC_CLK_TCK")
