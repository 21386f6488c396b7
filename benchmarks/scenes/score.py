"""What the detectors find of the transitions, which shots get a frame, and what it costs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.scenes.transitions import Truth
from components.frame.choice import Choice
from components.frame.delay import Delayed
from components.frame.extract import extract
from components.frame.pick import Pickable
from components.frame.scenes import SceneCuts
from components.frame.thumbnail import thumbnail
from components.frame.transnet import TransNetCuts, network
from components.media.display import Display
from components.media.pictures import Picture
from components.media.video import opened_source
from components.records.videos import CroppedVideo, SourceVideo
from components.settings import FrameSettings, LimitSettings

# A detector may name a start a little before or after the transition.
_BEFORE_S, _AFTER_S = 0.2, 0.5

Thumbnails = Sequence[tuple[float, Picture]]


def thumbnails(path: Path, source: SourceVideo) -> list[tuple[float, Picture]]:
    """Return second and thumbnail of every frame."""
    display = Display(source.pixel_aspect)
    with opened_source(path, source) as video:
        return [(one.second, thumbnail(one.frame, display)) for one in video.decoded(source.start)]


@dataclass(frozen=True)
class Found:
    """Seconds of scene starts and of frames kept, and CPU seconds for both."""

    starts: list[float]
    frames: list[float]
    cpu_s: float


def found_in(pictures: Thumbnails, settings: FrameSettings, length: float) -> Found:
    """Detect and choose, as the exact scan does but for the decoding."""
    kept: list[float] = []
    choice: Any = Choice(settings, lambda candidate: kept.append(candidate.second))
    cuts: Any
    if settings.detector == "transnetv2":
        cuts = TransNetCuts(settings, remembered(network()))
        choice = Delayed(choice, cuts, settings.min_frames)
    else:
        cuts = SceneCuts(settings)
    starts: list[float] = []
    began = time.process_time()
    for number, (second, picture) in enumerate(pictures):
        for cut in cuts.feed(second, picture, picture.shape[:2]):
            starts.append(cut)
            choice.cut(cut)
        choice.offer(Pickable(number, second, None), picture)
    for cut in cuts.finish(pictures[-1][0]):
        starts.append(cut)
        choice.cut(cut)
    choice.finish(length)
    return Found(starts, sorted(kept), time.process_time() - began)


_known: dict[str, NDArray[np.float32]] = {}


def remembered(
    predict: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Return the network with a memory: what other settings asked already is not computed again."""

    def answer(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        key = hashlib.sha256(frames.tobytes()).hexdigest()
        if key not in _known:
            _known[key] = predict(frames)
        return _known[key]

    return answer


def frames_by_scan(path: Path, source: SourceVideo, settings: FrameSettings) -> Found:
    """Extract the frames of the file with these settings, decoding included."""
    cropped = CroppedVideo(source=source, rectangle=None)
    began = time.process_time()
    tar = path.with_suffix(".tar")
    frames = extract(path, tar, cropped, settings, LimitSettings(), 24).frames
    starts = sorted({frame.scene_start for frame in frames})[1:]
    return Found(starts, [frame.second for frame in frames], time.process_time() - began)


def matched(starts: Sequence[float], truth: Truth) -> int:
    """Return how many transitions have a start of their own within."""
    remaining = sorted(starts)
    count = 0
    for first, last in truth.transitions:
        inside = [one for one in remaining if first - _BEFORE_S <= one <= last + _AFTER_S]
        if inside:
            remaining.remove(inside[0])
            count += 1
    return count


def represented(frames: Sequence[float], truth: Truth) -> tuple[int, int]:
    """Return how many shots have a frame that shows them alone, and how many frames show two."""
    shots = truth.shots
    alone = sum(any(first <= one < last for one in frames) for first, last in shots)
    mixed = sum(not any(first <= one < last for first, last in shots) for one in frames)
    return alone, mixed
