"""Scene cuts by PySceneDetect's detectors, fed frame by frame while the video is decoded once."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import cast

import cv2
from scenedetect import (
    AdaptiveDetector,
    ContentDetector,
    HashDetector,
    HistogramDetector,
    SceneDetector,
    ThresholdDetector,
)
from scenedetect.common import FrameTimecode, Timecode

from components.media.pictures import Picture
from components.settings import FrameSettings

# A cut that follows another by less is a flash, not a scene.
MIN_SCENE_S = 0.6
# AdaptiveDetector's own default for min_content_val.
_ADAPTIVE_LEAST_CHANGE = 15.0
_ALL_CHANGED = 255.0
_TIME_BASE = Fraction(1, 1_000_000)


class _OnePass(ContentDetector):  # type: ignore[misc]
    """ContentDetector with its default weights: the same score, in a third of the time.

    The mean absolute difference over hue, saturation and value, taken by OpenCV from the picture as
    it is, not from three planes of 32 bits. A picture of another shape differs in everything.
    """

    _last_hsv: Picture | None = None

    def _calculate_frame_score(self, _: FrameTimecode, picture: Picture) -> float:
        last, hsv = self._last_hsv, cast(Picture, cv2.cvtColor(picture, cv2.COLOR_BGR2HSV))
        self._last_hsv = hsv
        if last is None:
            return 0.0
        if last.shape != hsv.shape:
            return _ALL_CHANGED
        return cv2.norm(last, hsv, cv2.NORM_L1) / hsv.size


class _Adaptive(_OnePass, AdaptiveDetector):  # type: ignore[misc]
    """AdaptiveDetector, on the same score."""


_DETECTORS: dict[str, tuple[Callable[..., SceneDetector], str]] = {
    "adaptive": (_Adaptive, "adaptive_threshold"),
    "content": (_OnePass, "threshold"),
    "hash": (HashDetector, "threshold"),
    "histogram": (HistogramDetector, "threshold"),
    "threshold": (ThresholdDetector, "threshold"),
}


class SceneCuts:
    """Finds the seconds at which scenes begin.

    Detectors compare presentation times, so a variable frame rate does not move a cut. Where the
    picture changes its size, a scene begins, and detectors begin anew.
    """

    def __init__(self, settings: FrameSettings) -> None:
        make, threshold = _DETECTORS[settings.detector]
        options = {} if settings.threshold is None else {threshold: settings.threshold}
        self._make = partial(make, min_scene_len=MIN_SCENE_S, **options)
        self._detector = self._make()
        self._size: tuple[int, int] | None = None
        self._last = self._last_cut = 0.0

    def feed(self, second: float, picture: Picture, size: tuple[int, int]) -> list[float]:
        """Take the next frame (small, BGR) and its full size.

        Returns cuts found by now, up to 0.6 s in the past.
        """
        cuts = []
        if size != self._size and self._size is not None:
            cuts = self.finish(self._last)
            self._detector = self._make()
            if second - max([self._last_cut, *cuts]) >= MIN_SCENE_S:
                cuts.append(second)
        self._size, self._last = size, second
        found = self._detector.process_frame(_timecode(second), picture)
        cuts += [cut.seconds for cut in found]
        self._last_cut = max([self._last_cut, *cuts])
        return cuts

    def finish(self, second: float) -> list[float]:
        """Return the cuts that only the end of the video, at its last frame, reveals."""
        return [cut.seconds for cut in self._detector.post_process(_timecode(second))]


def changes(settings: FrameSettings) -> Callable[[float, Picture], bool]:
    """Return a function that tells of each picture whether it shows another scene than the last.

    Pictures may lie seconds apart, so only what a cut changes at the least is asked for.
    """
    least = _ADAPTIVE_LEAST_CHANGE if settings.detector == "adaptive" else settings.threshold
    detector = _OnePass(**({} if least is None else {"threshold": least}), min_scene_len=0)
    return lambda second, picture: bool(detector.process_frame(_timecode(second), picture))


def _timecode(second: float) -> FrameTimecode:
    # The rate is asked for, and only used by calls that count frames, which none here does.
    return FrameTimecode(Timecode(round(second / _TIME_BASE), _TIME_BASE), fps=30.0)
