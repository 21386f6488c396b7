"""How much CPU time a task on a video may take: little for what claims to be little."""

from __future__ import annotations

import math

from components.records.videos import SourceVideo
from components.settings import LimitSettings

# No limit at all, and no more than the kernel counts.
_MOST_S = 10**9


def to_probe(limits: LimitSettings, size: int) -> int:
    """Return the seconds for a file of `size` bytes of which nothing else is known."""
    return _seconds(limits, limits.cpu_per_mb_s * size / 10**6)


def to_decode(limits: LimitSettings, source: SourceVideo) -> int:
    """Return the seconds for a video by its length and size, no more than its bytes are worth."""
    megapixels = source.width * source.height / 10**6
    claimed = limits.cpu_per_megapixel_s * source.duration * megapixels
    return _seconds(limits, min(claimed, limits.cpu_per_mb_s * source.bytes / 10**6))


def _seconds(limits: LimitSettings, work: float) -> int:
    return math.ceil(min(limits.cpu_base_s + work, _MOST_S))
