"""Which frames a search looks at, in words that every store understands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class FrameFilter:
    """All conditions have to hold; what is None, or empty, is not asked for.

    A frame that an earlier version indexed lacks `duration`, `cropped` and `dated`, and does not
    meet a condition on what it lacks.

    Args:
        after: The video's source was written then or later.
        before: It was written before that.
        min_duration, max_duration: Of the video, in seconds, both ends included.
        from_second, to_second: Of the frame in its video, both ends included.
        cropped: Whether borders were cut off.
        undated: It is not known when the video's source was written.
        without_videos: (platform, code) of videos to leave out.
    """

    platform: str | None = None
    code: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    min_duration: float | None = None
    max_duration: float | None = None
    from_second: float | None = None
    to_second: float | None = None
    cropped: bool | None = None
    undated: bool = False
    without_videos: tuple[tuple[str, str], ...] = ()
