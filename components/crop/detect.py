"""Where the picture is: cropdetect proposes, samples of the whole video decide."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.base.profiling import profile
from components.media import ffmpeg
from components.media.borders import Bars, Evidence, border_holds, judged
from components.media.display import Display
from components.media.pictures import Picture, luma, small
from components.media.video import Decoded, VideoFile, decoder_errors, opened_source
from components.records.videos import Rectangle, SourceVideo
from components.settings import CropSettings, LimitSettings

_LUMA_FPS = 5
_MAX_KEYFRAMES = 60
# Longer videos have so many keyframes that it is quicker to go to those that are wanted.
_SEEK_FROM_S = 180
_SMALLEST_PX = 32
# What pictures may take that are looked at twice; more of them are decoded twice.
_SEEN_BYTES = 64_000_000
_BOUND = re.compile(r"^lavfi\.cropdetect\.([xy][12])=(-?\d+)$", re.MULTILINE)
# Judging moves an edge by some pixels; a border that may reach the ratio is looked at closer.
_SLACK_PX = 16


@profile
def find_picture(
    path: Path,
    source: SourceVideo,
    settings: CropSettings,
    limits: LimitSettings,
    report: Path | None = None,
) -> Rectangle | None:
    """Return the part of the frame inside its borders, or None if there is none worth a crop.

    Where the keyframes leave room for a border, cropdetect runs over keyframes of the whole video
    and clips at a few positions. The rectangle that holds all it finds is proposed; each side of it
    then has to prove itself a border over these pictures (see `components.media.borders`).

    Args:
        report: The file that cropdetect writes to; beside the video where None.

    Raises:
        VideoRejectedError: it cannot be decoded.
    """
    report = report or path.with_suffix(".cropdetect")
    if min(source.width, source.height) < _SMALLEST_PX:
        return None
    # Most videos have none, and looking at more of a picture cannot make one.
    seen: list[Picture] = []
    with _alone(path, source, limits) as video:
        keyframes = _noted(_keyframes(video, source), seen)
        if not _may_have_border(keyframes, source, settings):
            return None
    evidence = Evidence(source.height, source.width)
    with _alone(path, source, limits) as video:
        pictures = chain(seen or _keyframes(video, source), _clips(video, source, settings))
        bars = _proposed(evidence.added(pictures), report, source, settings)
    if bars is None or bars == Bars(0, 0, 0, 0):
        return None
    return _worthwhile(judged(evidence, bars, settings.limit), source, settings)


@profile
def border_stays(
    path: Path, source: SourceVideo, rectangle: Rectangle, limit: int, limits: LimitSettings
) -> bool:
    """Decode the whole video and tell whether all its frames are black outside the rectangle.

    Frames of another size than the first have another border.
    """
    size, display = (source.width, source.height), Display(source.pixel_aspect)
    with opened_source(path, source, max_pixels=limits.max_pixels) as video, decoder_errors():
        return all(
            display.size(decoded.frame) == size
            and border_holds(small(decoded.frame, display), rectangle, *size, limit)
            for decoded in video.decoded(source.start)
        )


def positions(source: SourceVideo, probes: int, clip_s: float) -> list[float]:
    """Return where to probe, in seconds: one random position in each of `probes` equal parts.

    The video's code is the seed, so that a rerun probes the same places.
    """
    chance = random.Random(source.video.code)  # noqa: S311, a seed is wanted, not secrecy
    room = max(0.0, source.duration - clip_s)
    return [(index + chance.random()) * room / probes for index in range(probes)]


@contextmanager
def _alone(path: Path, source: SourceVideo, limits: LimitSettings) -> Iterator[VideoFile]:
    """Open the video for single frames: threads decode ahead, which is work lost then."""
    with opened_source(path, source, max_pixels=limits.max_pixels) as video, decoder_errors():
        video.stream.codec_context.thread_count = 1
        yield video


def _noted(pictures: Iterable[Picture], seen: list[Picture]) -> Iterator[Picture]:
    """Yield the pictures and add them to `seen`, which is left empty where they take too much."""
    room = _SEEN_BYTES
    for picture in pictures:
        room -= picture.nbytes
        if room >= 0:
            seen.append(picture)
        else:
            seen.clear()
        yield picture


def _may_have_border(
    pictures: Iterable[Picture], source: SourceVideo, settings: CropSettings
) -> bool:
    """Return whether enough rows or columns at the edges are as dark as cropdetect wants them.

    It compares the mean of each line with its limit, from every edge inwards. What is lit in one
    picture no other makes dark, so none is looked at after one that leaves no room.
    """
    rows, columns = np.zeros(source.height, bool), np.zeros(source.width, bool)
    for picture in pictures:
        rows |= picture.mean(axis=1) > settings.limit
        columns |= picture.mean(axis=0) > settings.limit
        if max(_dark(rows), _dark(columns)) < settings.min_ratio:
            return False
    return max(_dark(rows), _dark(columns)) >= settings.min_ratio


def _dark(lit: NDArray[np.bool_]) -> float:
    """Return which part of the lines lies outside the first and the last lit one, and a little."""
    if not lit.any():
        return 1.0
    edges = int(np.argmax(lit)) + int(np.argmax(lit[::-1]))
    return (edges + _SLACK_PX) / len(lit) if edges else 0.0


def _proposed(
    pictures: Iterable[Picture], report: Path, source: SourceVideo, settings: CropSettings
) -> Bars | None:
    """Return what cropdetect finds outside the union of the pictures, None where all is black.

    The bounds are those before rounding, which it reports as metadata, to the file `report`.
    """
    limit, round_to, reset = settings.cropdetect.split(":")
    detected = (
        ffmpeg.pictures_input(source.width, source.height)
        .filter("cropdetect", limit=limit, round=round_to, reset=reset, skip=0)
        .filter("metadata", mode="print", file=str(report))
        .output("-", format="null")
    )
    ffmpeg.feed(detected, pictures)
    # As long as all is black, cropdetect leaves the bounds crossed.
    bounds = {name: int(value) for name, value in _BOUND.findall(report.read_text())}
    if not bounds or bounds["x1"] >= bounds["x2"] or bounds["y1"] >= bounds["y2"]:
        return None
    return Bars(
        top=bounds["y1"],
        bottom=source.height - 1 - bounds["y2"],
        left=bounds["x1"],
        right=source.width - 1 - bounds["x2"],
    )


def _keyframes(video: VideoFile, source: SourceVideo) -> Iterator[Picture]:
    """Yield luma planes of keyframes spread over the whole video."""
    video.stream.codec_context.skip_frame = "NONKEY"
    seekable = source.duration > _SEEK_FROM_S and not source.shifts
    spread = _sought if seekable else _in_turn
    display = Display(source.pixel_aspect)
    for decoded in spread(video, source):
        picture = luma(decoded.frame, display)
        if picture.shape == (source.height, source.width):
            yield picture
    video.stream.codec_context.skip_frame = "DEFAULT"


def _in_turn(video: VideoFile, source: SourceVideo) -> Iterator[Decoded]:
    apart, due = source.duration / _MAX_KEYFRAMES, 0.0
    for decoded in video.decoded(source.start):
        if decoded.second >= due:
            due = decoded.second + apart
            yield decoded


def _sought(video: VideoFile, source: SourceVideo) -> Iterator[Decoded]:
    last = -1.0
    for index in range(_MAX_KEYFRAMES):
        video.seek(video.pts((index + 0.5) * source.duration / _MAX_KEYFRAMES, source.start))
        found = next(video.decoded(source.start, video.next_keyframe()), None)
        if found and found.second > last:
            last = found.second
            yield found


def _clips(video: VideoFile, source: SourceVideo, settings: CropSettings) -> Iterator[Picture]:
    """Yield luma planes of clips at the probed positions, a few a second."""
    if source.shifts:
        return
    display = Display(source.pixel_aspect)
    # Of the way from a keyframe to the position, what no other frame needs is left out.
    video.stream.codec_context.skip_frame = "NONREF"
    for position in positions(source, settings.probes, settings.clip_s):
        video.seek(video.pts(position, source.start))
        due = position
        for decoded in video.decoded(source.start):
            if decoded.second > position + settings.clip_s:
                break
            picture = luma(decoded.frame, display)
            if decoded.second >= due and picture.shape == (source.height, source.width):
                due = decoded.second + 1 / _LUMA_FPS
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
