"""What this machine takes to decode and do nothing else."""

from __future__ import annotations

import time
from importlib import metadata
from pathlib import Path

from components.media.video import opened_source
from components.records.record import Record
from components.records.videos import SourceVideo
from components.running import budget
from components.running.calibration import Calibration
from components.running.decoders import Access
from components.stores.checksums import Expected

_CPU_S = 1.5


class BareDecoding(Record):
    """Megapixels that were decoded, and the CPU seconds that took."""

    mpx: float
    cpu_s: float


def measure(due: Calibration) -> None:
    """Decode some of the video, and note the CPU seconds a megapixel, unless they are known.

    Raises:
        PipelineError: S3 does not answer, or the video cannot be decoded.
    """
    setup = f"av {metadata.version('av')}"
    if not due.is_due("decode", setup):
        return
    services, source = due.services, due.source
    limits, expected = services.settings.limits, Expected(size=source.bytes, etag=source.etag)
    with services.copies.of(source.video.source, source.etag, "source", expected) as path:
        access = Access(path, cpu_s=budget.to_decode(limits, source))
        found = services.decoders.call(access, decode, path, source, _CPU_S, limits.max_pixels)
    if found.mpx:
        due.keep("decode", setup, amount=found.mpx, cpu_s=found.cpu_s / found.mpx)


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
