"""What a scan of a video finds."""

from __future__ import annotations

from dataclasses import dataclass

from components.records.videos import Frame, WhyAll


@dataclass(frozen=True)
class Scanned:
    """The frames picked, in order of time; `lost` counts packets that could not be decoded.

    `decoded_all` is why no frame was left out, where the settings asked for that.
    """

    frames: list[Frame]
    lost: int
    decoded_all: WhyAll | None = None
