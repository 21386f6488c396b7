"""What a scan of a video finds."""

from __future__ import annotations

from dataclasses import dataclass

from components.records.videos import Frame


@dataclass(frozen=True)
class Scanned:
    """The frames picked, in order of time; `lost` counts packets that could not be decoded."""

    frames: list[Frame]
    lost: int
