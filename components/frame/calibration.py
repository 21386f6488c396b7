"""What this machine takes to decode and do nothing else."""

from __future__ import annotations

import math
import time
from importlib import metadata
from pathlib import Path

from components.base import cpu_time
from components.media.video import opened_source
from components.records.record import Record
from components.records.videos import SourceVideo
from components.running import budget
from components.running.calibration import Calibration
from components.running.decoders import Access
from components.running.disbelief import unbelievable
from components.stores.checksums import Expected

_CPU_S = 1.5
# Packets of AVI may hold two frames.
_FRAMES_A_PACKET = 2
# Nothing decodes 100,000 megapixels a second on a core.
_LEAST_S_A_MPX = 1e-5
_ROUNDED_BY = 0.02


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
        before = cpu_time.spent()
        found = services.decoders.call(access, decode, path, source, _CPU_S, limits.max_pixels)
    _check(found, source, cpu_time.spent() - before)
    if found.mpx:
        due.keep("decode", setup, amount=found.mpx, cpu_s=found.cpu_s / found.mpx)


def _check(found: BareDecoding, source: SourceVideo, took_s: float) -> None:
    """Refuse what no decoding comes to: all later runs on the machine are compared with it.

    Args:
        took_s: CPU seconds that the worker took by the word of who watched over it.

    Raises:
        VideoRejectedError: the worker says such.
    """
    picture = source.width * source.height / 1e6
    most = math.inf if source.packets is None else _FRAMES_A_PACKET * source.packets * picture
    if not 0 <= found.mpx <= most + _ROUNDED_BY:
        raise unbelievable(f"{found.mpx} megapixels of at most {most:g}")
    if not _LEAST_S_A_MPX * found.mpx <= found.cpu_s <= took_s + _ROUNDED_BY:
        raise unbelievable(f"{found.cpu_s} of {took_s:.3f} CPU seconds")


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
