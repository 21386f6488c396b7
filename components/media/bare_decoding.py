"""Decoding and nothing else, to see what a machine takes for it."""

from __future__ import annotations

import time
from pathlib import Path

from components.media.video import opened_source
from components.records.record import Record
from components.records.videos import SourceVideo


class BareDecoding(Record):
    """Megapixels that were decoded, and the CPU seconds that took."""

    mpx: float
    cpu_s: float


def decode(path: Path, source: SourceVideo, seconds: float, max_pixels: int) -> BareDecoding:
    """Decode every frame until the video ends, or so many CPU seconds have passed.

    Raises:
        VideoRejectedError: it cannot be opened.
    """
    mpx, start = 0.0, time.process_time()
    with opened_source(path, source, max_pixels=max_pixels) as file:
        for frame in file.frames(file.packets()):
            mpx += frame.width * frame.height / 1e6
            if time.process_time() - start >= seconds:
                break
    return BareDecoding(mpx=round(mpx, 2), cpu_s=round(time.process_time() - start, 4))
