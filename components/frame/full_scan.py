"""Frames by decoding all of a video once: scenes are found and frames picked on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from av.video.frame import VideoFrame

from components.base.profiling import profile
from components.frame.framing import Framing, is_blank
from components.frame.pick import Pickable, Picker
from components.frame.scanned import Scanned
from components.frame.scenes import SceneCuts
from components.media.losses import check_losses
from components.media.video import Decoded, opened_source
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
    cuts = SceneCuts(settings)
    picker = Picker(1 / settings.sample_fps, settings.min_frames, keep)
    last: Decoded | None = None
    source = framing.source
    with opened_source(
        path, source, max_pixels=limits.max_pixels, hwaccel=settings.hwaccel
    ) as video:
        for last in video.decoded(source.start):
            thumbnail = framing.thumbnail(last.frame)
            for second in cuts.feed(last.second, thumbnail, (last.frame.width, last.frame.height)):
                picker.cut(second)
            candidate = Pickable(last.number, last.second, last.frame)
            picker.offer(candidate, blank=is_blank(thumbnail, settings.solid_std))
        check_losses(video, last.number + 1 if last else 0, limits)
        assert last is not None, "a video without frames has lost them all"
        for second in cuts.finish(last.second):
            picker.cut(second)
        return Scanned(picker.finish(max(source.duration, last.second)), video.lost)
