"""Frames by decoding all of a video once: scenes are found and frames picked on the way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from av.video.frame import VideoFrame

from components.base.profiling import profile
from components.frame.choice import Choice
from components.frame.delay import Delayed
from components.frame.framing import Framing
from components.frame.pick import Pickable
from components.frame.scanned import Scanned
from components.frame.scenes import SceneCuts
from components.frame.segments import InOrder, decoders
from components.frame.skipping import numbered, several_decoders
from components.frame.transnet import TransNetCuts
from components.media.losses import check_losses
from components.media.pictures import Picture
from components.media.video import Decoded, cores_for, opened_source
from components.records.videos import Frame
from components.settings import FrameSettings, LimitSettings


@profile
def full_scan(
    path: Path,
    framing: Framing,
    settings: FrameSettings,
    limits: LimitSettings,
    keep: Callable[[Pickable[VideoFrame]], None],
) -> Scanned:
    """Return the frames that represent the video, none if all are blank.

    Args:
        keep: Called with each frame as soon as it is picked, in any order.

    Raises:
        BorderGoneError: there is picture in the border of some frame.
        VideoRejectedError: less of it can be decoded than the limits ask for.
    """
    scan = _Scan(settings, keep)
    source = framing.source
    with opened_source(
        path, source, max_pixels=limits.max_pixels, hwaccel=settings.hwaccel
    ) as video:
        for decoded in video.decoded(source.start):
            scan.look_at(decoded, framing.thumbnail(decoded.frame))
        check_losses(video, scan.frames, limits)
        return Scanned(scan.finish(source.duration), video.lost)


@profile
def full_scan_in_segments(
    path: Path,
    framing: Framing,
    settings: FrameSettings,
    limits: LimitSettings,
    keep: Callable[[Pickable[VideoFrame]], None],
) -> Scanned:
    """Return what `full_scan` does, by several decoders side by side where that can be.

    Raises:
        BorderGoneError: there is picture in the border of some frame.
        CannotSkipError: it has to be decoded in one piece.
    """
    source = framing.source
    if settings.hwaccel != "none" or cores_for(source.duration) == 1:
        return full_scan(path, framing, settings, limits, keep)
    index = numbered(path, source, limits)
    count = decoders(index, source, limits)
    if count == 1:
        return full_scan(path, framing, settings, limits, keep)
    scan = _Scan(settings, keep)
    with several_decoders(path, source, limits, count) as videos:
        in_order = InOrder(videos, index, framing, settings, limits)
        with closing(in_order.looked()) as frames:
            for looked in frames:
                second = videos[0].second(index.pts[looked.number], source.start)
                decoded = Decoded(looked.number, second, looked.frame)
                scan.look_at(decoded, looked.thumbnail, looked.score, looked.blank)
        found = scan.finish(source.duration)
    return Scanned(found, 0)


class _Scan:
    """Frames in order of presentation."""

    def __init__(
        self, settings: FrameSettings, keep: Callable[[Pickable[VideoFrame]], None]
    ) -> None:
        self._cuts, self._choice = _detection(settings, Choice(settings, keep))
        self._last = 0.0
        self.frames = 0

    def look_at(
        self,
        decoded: Decoded,
        thumbnail: Picture,
        score: float | None = None,
        blank: bool | None = None,
    ) -> None:
        """Take the next frame, and what is known of it already; see `Looked`."""
        size = decoded.frame.width, decoded.frame.height
        for second in self._cuts.feed(decoded.second, thumbnail, size, score):
            self._choice.cut(second)
        candidate = Pickable(decoded.number, decoded.second, decoded.frame)
        self._choice.offer(candidate, thumbnail, blank)
        self._last, self.frames = decoded.second, decoded.number + 1

    def finish(self, duration: float) -> list[Frame]:
        """Return the frames that were picked, in order of time."""
        for second in self._cuts.finish(self._last):
            self._choice.cut(second)
        return self._choice.finish(max(duration, self._last))


def _detection(
    settings: FrameSettings, choice: Choice
) -> tuple[SceneCuts | TransNetCuts, Choice | Delayed]:
    """Return the detector, and what frames are offered to that it has looked at."""
    if settings.detector != "transnetv2":
        return SceneCuts(settings), choice
    cuts = TransNetCuts(settings)
    return cuts, Delayed(choice, cuts, settings.min_frames)
