"""Where the picture is: cropdetect proposes, samples of the whole video decide."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from components.manifest import Rectangle, SourceVideo
from components.media import ffmpeg
from components.media.borders import Bars, Evidence, border_holds, judged
from components.media.decoding import Picture, luma, opened, small
from components.profiling import profile
from components.settings import CropSettings

_LUMA_FPS = 5
_MAX_KEYFRAMES = 60
_SMALLEST_PX = 32
_BOUND = re.compile(r"^lavfi\.cropdetect\.([xy][12])=(-?\d+)$", re.MULTILINE)


@profile
def find_picture(path: Path, source: SourceVideo, settings: CropSettings) -> Rectangle | None:
    """Return the part of the frame inside its borders, or None if there is none worth a crop.

    cropdetect runs at a few positions, and the smallest rectangle that holds every finding is
    proposed. Each side of it then has to prove itself a border over the probed pictures and the
    keyframes of the whole video (see `components.media.borders`).
    """
    if min(source.width, source.height) < _SMALLEST_PX:
        return None
    evidence = Evidence(source.height, source.width)
    bars = _proposed(path, source, settings, evidence)
    if bars is None or bars == Bars(0, 0, 0, 0):
        return None
    for picture in _keyframes(path, source):
        evidence.add(picture)
    return _worthwhile(judged(evidence, bars, settings.limit), source, settings)


@profile
def border_stays(path: Path, source: SourceVideo, rectangle: Rectangle, limit: int) -> bool:
    """Decode the whole video and tell whether all its frames are black outside the rectangle."""
    with opened(path) as video:
        return all(
            border_holds(
                small(decoded.frame, source), rectangle, source.width, source.height, limit
            )
            for decoded in video.decoded(source.start)
        )


def positions(source: SourceVideo, probes: int, clip_s: float) -> list[float]:
    """Return where to probe, in seconds: one random position in each of `probes` equal parts.

    The video's code is the seed, so that a rerun probes the same places.
    """
    chance = random.Random(source.video.code)  # noqa: S311, a seed is wanted, not secrecy
    room = max(0.0, source.duration - clip_s)
    return [(index + chance.random()) * room / probes for index in range(probes)]


def _proposed(
    path: Path, source: SourceVideo, settings: CropSettings, evidence: Evidence
) -> Bars | None:
    """Return the union of what the probes found, and add their pictures to the evidence."""
    found: list[dict[str, int]] = []
    for position in positions(source, settings.probes, settings.clip_s):
        bounds, pictures = _probe(path, source, position, settings)
        for picture in pictures:
            evidence.add(picture)
        # Where all was black, cropdetect leaves the bounds crossed.
        if bounds and bounds["x1"] < bounds["x2"] and bounds["y1"] < bounds["y2"]:
            found.append(bounds)
    if not found:
        return None
    return Bars(
        top=min(bounds["y1"] for bounds in found),
        bottom=source.height - 1 - max(bounds["y2"] for bounds in found),
        left=min(bounds["x1"] for bounds in found),
        right=source.width - 1 - max(bounds["x2"] for bounds in found),
    )


def _probe(
    path: Path, source: SourceVideo, position: float, settings: CropSettings
) -> tuple[dict[str, int], Picture]:
    """Run cropdetect over one clip; return its last bounds and some luma planes of the clip.

    The bounds are those before rounding, which cropdetect reports as metadata.
    """
    limit, round_to, reset = settings.cropdetect.split(":")
    report = path.with_suffix(".cropdetect")
    clip = ffmpeg.hostile_input(path, ss=f"{position:.3f}", t=settings.clip_s)
    # cropdetect compares with a limit of 8 bits, whatever the depth of the video.
    branches = clip.video.filter("format", "yuv420p").filter_multi_output("split")
    detected = (
        branches[0]
        .filter("cropdetect", limit=limit, round=round_to, reset=reset, skip=0)
        .filter("metadata", mode="print", file=str(report))
        .output("-", format="null")
    )
    planes = (
        branches[1]
        .filter("fps", _LUMA_FPS)
        .filter("extractplanes", "y")
        .output("pipe:1", format="rawvideo")
    )
    report.write_text("")
    _, raw, _ = ffmpeg.run(ffmpeg.merged(detected, planes))
    bounds = {name: int(value) for name, value in _BOUND.findall(report.read_text())}
    size = source.width * source.height
    whole = len(raw) // size * size
    pictures = np.frombuffer(raw[:whole], np.uint8).reshape(-1, source.height, source.width)
    return bounds, pictures


def _keyframes(path: Path, source: SourceVideo) -> Iterator[Picture]:
    """Yield luma planes of keyframes spread over the whole video."""
    apart, due = source.duration / _MAX_KEYFRAMES, 0.0
    with opened(path) as video:
        video.stream.codec_context.skip_frame = "NONKEY"
        for decoded in video.decoded(source.start):
            picture = luma(decoded.frame, source.rotation)
            if decoded.second >= due and picture.shape == (source.height, source.width):
                due = decoded.second + apart
                yield picture


def _worthwhile(bars: Bars, source: SourceVideo, settings: CropSettings) -> Rectangle | None:
    """Return the rectangle inside the bars, trimmed, unless it takes too little or too much."""
    across = (bars.left + bars.right) / source.width
    along = (bars.top + bars.bottom) / source.height
    if max(across, along) < settings.min_ratio or bars == Bars(0, 0, 0, 0):
        return None
    margin = settings.safe_margin_px
    trimmed = Bars(
        *(bar + margin if bar else 0 for bar in (bars.top, bars.bottom, bars.left, bars.right))
    )
    rectangle = trimmed.rectangle(source.width, source.height)
    return rectangle if min(rectangle.width, rectangle.height) >= _SMALLEST_PX else None
