"""CPU seconds of a piece of work: of the thread that does it, and of processes that help it.

They say what work takes where seconds on the clock say how busy the machine was.
"""

from __future__ import annotations

import threading
import time

_charged = threading.local()


def charge(cpu_s: float) -> None:
    """Count the CPU seconds of another process, or thread, as this thread's."""
    _charged.seconds = getattr(_charged, "seconds", 0.0) + cpu_s


def spent() -> float:
    """Return the CPU seconds that this thread has taken so far, and those charged to it."""
    seconds: float = time.thread_time() + getattr(_charged, "seconds", 0.0)
    return seconds
