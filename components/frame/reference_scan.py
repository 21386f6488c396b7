"""Frames by decoding those that others refer to, and the rest where a cut may lie.

Most encoders make half of the frames, or more, such that no other refers to them. A decoder can
leave these out, and all others come out as they do without. Cuts are nearly those of the full scan:
scores of frames that were left out are estimated, or the frames decoded where the estimate does not
tell (`components/frame/gaps.py`). What that misses, and saves, is in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from av.video.frame import VideoFrame

from components.base.profiling import profile
from components.frame.choice import Choice
from components.frame.framing import Framing
from components.frame.gaps import GapScores, Run
from components.frame.hints import about_cuts
from components.frame.left_out import LeftOut
from components.frame.pick import Pickable
from components.frame.scanned import Scanned
from components.frame.scenes import Difference, ScoredCuts, doubt
from components.frame.segments import InOrder, Looked, decoders
from components.frame.skipping import (
    LEAVING_OUT,
    CannotSkipError,
    check_frames,
    numbered,
    several_decoders,
)
from components.media.containers import has_broadcast_clock
from components.media.video import opened_source
from components.records.videos import Frame
from components.settings import FrameSettings, LimitSettings


@profile
def reference_scan(
    path: Path,
    framing: Framing,
    settings: FrameSettings,
    limits: LimitSettings,
    keep: Callable[[Pickable[VideoFrame]], None],
) -> Scanned:
    """Return the frames that represent the video, of those that others refer to.

    They have the numbers, times and pixels that a full scan would give them.

    Args:
        keep: Called with each frame that is picked.

    Raises:
        BorderGoneError: there is picture in the border of a frame that was decoded.
        CannotSkipError: all frames have to be decoded.
    """
    if not settings.is_scored:
        raise CannotSkipError("detector", f"{settings.detector} looks at all frames")
    if settings.hwaccel != "none":
        raise CannotSkipError("gpu", "a GPU decodes all frames")
    source = framing.source
    with opened_source(path, source, max_pixels=limits.max_pixels) as video:
        codec = video.stream.codec_context.codec.canonical_name
        seeks = not has_broadcast_clock(video.container)
    if codec not in LEAVING_OUT:
        raise CannotSkipError("codec", f"frames of {codec} cannot be left out for a while")
    if not seeks:
        raise CannotSkipError("container", "its container does not lead to keyframes")
    index = numbered(path, source, limits)
    count = decoders(index, source, limits)
    with several_decoders(path, source, limits, count + 1) as (second, *videos):
        seconds = [second.second(pts, source.start) for pts in index.pts]
        hinted = about_cuts(index)
        left_out = LeftOut(second, index, framing, hinted)
        scan = _Scan(seconds, source.duration, left_out, settings, keep)
        in_order = InOrder(videos, index, framing, settings, limits, wanted=hinted)
        with closing(in_order.looked()) as frames:
            for looked in frames:
                scan.look_at(looked)
        found = scan.finish()
    check_frames(len(found), settings.min_frames, index)
    return Scanned(found, 0)


class _Scan:
    """Frames in order of presentation, some left out."""

    def __init__(
        self,
        seconds: list[float],
        duration: float,
        left_out: LeftOut,
        settings: FrameSettings,
        keep: Callable[[Pickable[VideoFrame]], None],
    ) -> None:
        self._seconds, self._end = seconds, max(duration, seconds[-1])
        self._choice = Choice(settings, keep)
        self._difference = Difference()
        self._scores = GapScores(doubt(settings), left_out.scores)
        self._cuts = ScoredCuts(settings)
        self._last = -1
        self._size: tuple[int, int] | None = None

    def look_at(self, looked: Looked) -> None:
        """Take the next frame that was decoded.

        Raises:
            CannotSkipError: it is of another size, or the first one is missing.
        """
        number, frame = looked.number, looked.frame
        size = frame.width, frame.height
        if self._size not in (None, size):
            raise CannotSkipError("sizes", "its picture changes its size")
        self._size = size
        score = self._difference.score(looked.thumbnail, looked.score)
        if self._last >= 0:
            self._tell(self._scores.add(Run(self._last, number, score)))
        elif number:
            raise CannotSkipError("order", "the first frame does not come")
        else:
            self._tell([(number, score)])
        candidate = Pickable(number, self._seconds[number], frame)
        self._choice.offer(candidate, looked.thumbnail, looked.blank)
        self._last = number

    def finish(self) -> list[Frame]:
        """Return the frames that were picked, in order of time."""
        self._tell(self._scores.finish())
        for cut in self._cuts.finish(self._seconds[-1]):
            self._choice.cut(cut)
        return self._choice.finish(self._end)

    def _tell(self, scores: Iterable[tuple[int, float]]) -> None:
        """Tell the detector how much frames differ from the ones before."""
        for number, score in scores:
            for cut in self._cuts.feed(self._seconds[number], score):
                self._choice.cut(cut)
