"""Frames by decoding those that others refer to, and the rest where a cut may lie.

Most encoders make half of the frames, or more, such that no other refers to them. A decoder can
leave these out, and all others come out as they do without. Cuts are nearly those of the full scan:
scores of frames that were left out are estimated, or the frames decoded where the estimate does not
tell (`components/frame/gaps.py`). What that misses, and saves, is in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from av.video.frame import VideoFrame

from components.base.profiling import profile
from components.frame.choice import Choice
from components.frame.framing import Framing
from components.frame.gaps import GapScores, Run
from components.frame.left_out import LeftOut
from components.frame.pick import Pickable
from components.frame.scanned import Scanned
from components.frame.scenes import Difference, ScoredCuts, doubt
from components.frame.skipping import CannotSkipError, numbered
from components.media.containers import has_broadcast_clock
from components.media.packets import PacketIndex
from components.media.video import opened_source
from components.records.videos import Frame
from components.settings import FrameSettings, LimitSettings

# VP8 and VP9 have hardly any such frames; of MPEG-2 and MPEG-4, packets need not be frames; and
# AV1's decoder is told once what to leave out, so that a doubt would cost all since a keyframe.
_CODECS = ("h264", "hevc")
_DETECTORS = ("adaptive", "content")
# Where frames had to be decoded after all, none is left out for so long: doubts come in crowds, and
# each costs what lies between the last keyframe and it.
_RESTLESS_S = 1.0


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
    if settings.detector not in _DETECTORS:
        raise CannotSkipError(f"{settings.detector} looks at all frames")
    if settings.hwaccel != "none":
        raise CannotSkipError("a GPU decodes all frames")
    source = framing.source
    with opened_source(path, source, max_pixels=limits.max_pixels) as video:
        codec = video.stream.codec_context.codec.canonical_name
        seeks = not has_broadcast_clock(video.container)
    if codec not in _CODECS:
        raise CannotSkipError(f"frames of {codec} cannot be left out for a while")
    if not seeks:
        raise CannotSkipError("its container does not lead to keyframes")
    index = numbered(path, source, limits)
    with (
        opened_source(path, source, max_pixels=limits.max_pixels) as video,
        opened_source(path, source, max_pixels=limits.max_pixels) as second,
    ):
        seconds = [video.second(pts, source.start) for pts in index.pts]
        scan = _Scan(index, seconds, LeftOut(second, index, framing), framing, settings, keep)
        video.skip_unreferenced()
        for frame in video.frames(video.packets()):
            scan.look_at(frame)
            video.skip_unreferenced(not scan.is_restless)
        if video.lost or second.lost:
            raise CannotSkipError("it is damaged")
        frames = scan.finish()
    if len(frames) < min(settings.min_frames, len(index.pts)):
        raise CannotSkipError("too few frames are left")
    return Scanned(frames, 0)


class _Scan:
    """Frames in order of presentation, some left out."""

    def __init__(
        self,
        index: PacketIndex,
        seconds: list[float],
        left_out: LeftOut,
        framing: Framing,
        settings: FrameSettings,
        keep: Callable[[Pickable[VideoFrame]], None],
    ) -> None:
        self._index, self._seconds, self._framing = index, seconds, framing
        self._left_out = left_out
        self._doubted = -_RESTLESS_S
        self._choice = Choice(settings, keep)
        self._difference = Difference()
        self._scores = GapScores(doubt(settings), left_out.scores)
        self._cuts = ScoredCuts(settings)
        self._last = -1
        self._size: tuple[int, int] | None = None

    @property
    def is_restless(self) -> bool:
        """Whether frames had to be decoded after all a moment ago, so that more are to come."""
        return self._seconds[self._last] < self._doubted + _RESTLESS_S

    def look_at(self, frame: VideoFrame) -> None:
        """Take the next frame that was decoded."""
        number = self._number(frame)
        thumbnail = self._framing.thumbnail(frame)
        score = self._difference.score(thumbnail)
        decoded = self._left_out.decoded
        if self._last < 0:
            self._tell([(number, score)])
        else:
            self._tell(self._scores.add(Run(self._last, number, score)))
        if self._left_out.decoded > decoded:
            self._doubted = self._seconds[number]
        self._choice.offer(Pickable(number, self._seconds[number], frame), thumbnail)
        self._last = number

    def finish(self) -> list[Frame]:
        """Return the frames that were picked, in order of time."""
        self._tell(self._scores.finish())
        for cut in self._cuts.finish(self._seconds[-1]):
            self._choice.cut(cut)
        return self._choice.finish(max(self._framing.source.duration, self._seconds[-1]))

    def _tell(self, scores: Iterable[tuple[int, float]]) -> None:
        """Tell the detector how much frames differ from the ones before."""
        for number, score in scores:
            for cut in self._cuts.feed(self._seconds[number], score):
                self._choice.cut(cut)

    def _number(self, frame: VideoFrame) -> int:
        """Return the number of a frame that is as expected.

        Raises:
            CannotSkipError: it is not.
        """
        if frame.interlaced_frame:
            raise CannotSkipError("it is interlaced")
        size = frame.width, frame.height
        if self._size not in (None, size):
            raise CannotSkipError("its picture changes its size")
        self._size = size
        if frame.pts is None or not self._index.has(frame.pts):
            raise CannotSkipError("a frame comes at a time that no packet has")
        number = self._index.number(frame.pts)
        if number <= self._last or (self._last < 0 and number):
            raise CannotSkipError("frames do not come in order of their times")
        return number
