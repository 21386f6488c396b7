"""Python's garbage collector in a program that ends: most of what it makes at its start stays."""

from __future__ import annotations

import atexit
import gc

# New objects, less those that are gone, between two looks. By Python's own, 700, all that is
# imported is looked through again and again: a seventh of a short run's time. What boto3 leaves of
# a request are circles, which stay until then: 60 objects a video, 5 kB.
_OBJECTS_APART = 50_000


def collect_seldom() -> None:
    """Look for garbage seldom in this process, and not at its end, which would take 0.3 s."""
    gc.set_threshold(_OBJECTS_APART)
    # Registered first, it is called last.
    atexit.register(gc.freeze)
