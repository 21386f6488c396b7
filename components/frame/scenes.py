"""Scene cuts by PySceneDetect's detectors, fed frame by frame while the video is decoded once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

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

from components.frame.gaps import Doubt, Run
from components.media.pictures import Picture
from components.settings import FrameSettings

# A cut that follows another by less is a flash, not a scene.
MIN_SCENE_S = 0.6
# The detectors' own defaults: AdaptiveDetector's min_content_val and adaptive_threshold, and
# ContentDetector's threshold.
_ADAPTIVE_LEAST_CHANGE = 15.0
_ADAPTIVE_RATIO = 3.0
_CONTENT_CHANGE = 27.0
_ALL_CHANGED = 255.0
_TIME_BASE = Fraction(1, 1_000_000)


class Difference:
    """How much each picture differs from the last one: ContentDetector's score by default weights.

    The mean absolute difference over hue, saturation and value, 0 to 255, taken by OpenCV from the
    picture as it is in a third of the time that three planes of 32 bits take. A picture of another
    shape differs in everything.
    """

    def __init__(self) -> None:
        self._last: Picture | None = None
        self._last_hsv: Picture | None = None

    def score(self, picture: Picture, known: float | None = None) -> float:
        """Take the next picture, BGR; return 0 for the first one.

        Args:
            known: What it differs from the last one by, where that was computed already.
        """
        last, last_hsv = self._last, self._last_hsv
        self._last, self._last_hsv = picture, None
        if last is None:
            return 0.0
        if known is not None:
            return known
        if last.shape != picture.shape:
            return _ALL_CHANGED
        last_hsv = _hsv(last) if last_hsv is None else last_hsv
        self._last_hsv = _hsv(picture)
        return cv2.norm(last_hsv, self._last_hsv, cv2.NORM_L1) / picture.size


def _hsv(picture: Picture) -> Picture:
    return cast(Picture, cv2.cvtColor(picture, cv2.COLOR_BGR2HSV))


class _Told(ContentDetector):  # type: ignore[misc]
    """ContentDetector that takes scores in place of pictures."""

    def _calculate_frame_score(self, _: FrameTimecode, score: float) -> float:
        return score


class _ToldAdaptive(_Told, AdaptiveDetector):  # type: ignore[misc]
    """AdaptiveDetector that takes scores in place of pictures."""


_DETECTORS: dict[str, tuple[Callable[..., SceneDetector], str]] = {
    "adaptive": (_ToldAdaptive, "adaptive_threshold"),
    "content": (_Told, "threshold"),
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
        self._settings = settings
        self._size: tuple[int, int] | None = None
        self._last = self._last_cut = 0.0
        self._begin()

    def _begin(self) -> None:
        self._cuts = ScoredCuts(self._settings)
        self._difference = Difference() if self._settings.is_scored else None

    def feed(
        self, second: float, picture: Picture, size: tuple[int, int], score: float | None = None
    ) -> list[float]:
        """Take the next frame (small, BGR) and its full size.

        Args:
            score: How much it differs from the last one (see `Difference`), where that is known.

        Returns:
            Cuts found by now, up to 0.6 s in the past.
        """
        cuts = []
        if size != self._size and self._size is not None:
            cuts = self.finish(self._last)
            self._begin()
            if second - max([self._last_cut, *cuts]) >= MIN_SCENE_S:
                cuts.append(second)
        self._size, self._last = size, second
        cuts += self._cuts.feed(
            second, self._difference.score(picture, score) if self._difference else picture
        )
        self._last_cut = max([self._last_cut, *cuts])
        return cuts

    def finish(self, second: float) -> list[float]:
        """Return the cuts that only the end of the video, at its last frame, reveals."""
        return self._cuts.finish(second)


class ScoredCuts:
    """Finds the seconds at which scenes begin as `SceneCuts` does, from the scores of frames.

    AdaptiveDetector takes no frame for a cut that scores less than its `min_content_val`, and
    compares one that does with the window around it. So it is told of these windows and of the
    first frames, with which it begins: telling it of a frame costs as much as the frame's score.
    """

    def __init__(self, settings: FrameSettings) -> None:
        make, threshold = _DETECTORS[settings.detector]
        options = {} if settings.threshold is None else {threshold: settings.threshold}
        self._detector = make(min_scene_len=MIN_SCENE_S, **options)
        self._window, self._least = 0, 0.0
        if isinstance(self._detector, AdaptiveDetector):
            self._window = self._detector.window_width
            self._least = self._detector.min_content_val
        # Frames since one that may be a cut, and the last that the detector was not told of.
        self._since = 0
        self._untold: deque[tuple[float, Any]] = deque()

    def feed(self, second: float, score: Any) -> list[float]:
        """Take the next frame's score, or picture where the detector looks at that.

        Returns cuts found by now, up to 0.6 s in the past.
        """
        self._untold.append((second, score))
        if self._window:
            self._since = 0 if score >= self._least else self._since + 1
            if self._since > self._window:
                if len(self._untold) > self._window:
                    self._untold.popleft()
                return []
        cuts: list[float] = []
        while self._untold:
            at, seen = self._untold.popleft()
            cuts += [cut.seconds for cut in self._detector.process_frame(_timecode(at), seen)]
        return cuts

    def finish(self, second: float) -> list[float]:
        """Return the cuts that only the end of the video, at its last frame, reveals."""
        return [cut.seconds for cut in self._detector.post_process(_timecode(second))]


def doubt(settings: FrameSettings) -> Doubt:
    """Return what tells where a detector has to know the frames that were left out.

    Two frames differ by no more than the scores of those between add up to, and hardly by less than
    the largest: so a cut within shows, at the place of which only decoding tells. The shares were
    chosen by what they find, miss and decode on some videos and judged on others
    (docs/performance.md).
    """
    if settings.detector == "content":
        changed = 0.9 * (settings.threshold or _CONTENT_CHANGE)
        return lambda run, _, exact: not exact and run.frames > 1 and run.score >= changed
    ratio = settings.threshold or _ADAPTIVE_RATIO

    def adaptive(run: Run, around: float, *, exact: bool) -> bool:
        # What is left for one frame, if the others of the run move nearly half as those around it.
        # Where all move alike, a run's score is that of a frame times their number.
        left = run.score - 0.4 * (run.frames - 1) * around
        if exact or left < max(0.97 * _ADAPTIVE_LEAST_CHANGE, 0.9 * ratio * around):
            return False
        if run.frames == 1:
            return run.score < 1.4 * ratio * around
        return run.score >= (run.frames + 0.1) * around

    return adaptive


def changes(settings: FrameSettings) -> Callable[[float, Picture], bool]:
    """Return a function that tells of each picture whether it shows another scene than the last.

    Pictures may lie seconds apart, so only what a cut changes at the least is asked for.
    """
    least = _ADAPTIVE_LEAST_CHANGE if settings.detector == "adaptive" else settings.threshold
    detector = _Told(**({} if least is None else {"threshold": least}), min_scene_len=0)
    score = Difference().score
    return lambda second, picture: bool(detector.process_frame(_timecode(second), score(picture)))


def _timecode(second: float) -> FrameTimecode:
    # The rate is asked for, and only used by calls that count frames, which none here does.
    return FrameTimecode(Timecode(round(second / _TIME_BASE), _TIME_BASE), fps=30.0)
