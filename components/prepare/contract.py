"""What prepare takes, gives and needs: the phases that read the video file, in one pod."""

from __future__ import annotations

from components.contract import fused
from components.pipeline import MEDIA, component

COMPONENT = fused(
    "prepare",
    f"Do what {', '.join(MEDIA[:-1])} and {MEDIA[-1]} do, one after the other in one pod",
    [component(name) for name in MEDIA],
)
