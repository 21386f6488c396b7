"""The phases that a test takes videos through."""

from __future__ import annotations

from components.pipeline import VIDEO_PHASES


def through(last: str) -> tuple[str, ...]:
    """Return the phases of a video up to this one, which is the last."""
    return VIDEO_PHASES[: VIDEO_PHASES.index(last) + 1]
