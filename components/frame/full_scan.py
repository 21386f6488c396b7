"""Frames by decoding all of a video once: scenes are found and frames picked on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from av.video.frame import VideoFrame

from components.base.profiling import profile
from components.errors import Reason, VideoRejectedError
from components.frame.framing import Framing, is_blank
from components.frame.pick import Pickable, Picker
from components.frame.scenes import SceneCuts
from components.media.decoding import Decoded, opened
from components.records.videos import Frame
from components.settings import FrameSettings


@profile
def full_scan(
    path: Path,
    framing: Framing,
    settings: FrameSettings,
    keep: Callable[[Pickable[VideoFrame]], None],
) -> list[Frame]:
    """Return the frames that represent the video, none if all are blank.

    Args:
        keep: Called with each frame as soon as it is picked, in any order.

    Raises:
        BorderGoneError: there is picture in the border of some frame.
        VideoRejectedError: no frame can be decoded.
    """
    cuts = SceneCuts(settings)
    picker = Picker(1 / settings.sample_fps, settings.min_frames, keep)
    last: Decoded | None = None
    with opened(path, hwaccel=settings.hwaccel) as video:
        for last in video.decoded(framing.source.start):
            thumbnail = framing.thumbnail(last.frame)
            for second in cuts.feed(last.second, thumbnail):
                picker.cut(second)
            candidate = Pickable(last.number, last.second, last.frame)
            picker.offer(candidate, blank=is_blank(thumbnail, settings.solid_std))
        if last is None:
            raise VideoRejectedError(Reason.UNDECODABLE, "no frame of it can be decoded")
        for second in cuts.finish(last.second):
            picker.cut(second)
        return picker.finish(max(framing.source.duration, last.second))
