"""Whether there is a GPU, without a package that would have to be loaded to ask."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def has_gpu() -> bool:
    """Return whether NVIDIA's driver is there."""
    return Path("/dev/nvidiactl").exists()
