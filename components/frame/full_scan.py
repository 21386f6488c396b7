"""Frames by decoding all of a video once: scenes are found and frames picked on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from av.video.frame import VideoFrame

from components.base.profiling import profile
from components.frame.choice import Choice
from components.frame.delay import Delayed
from components.frame.framing import Framing
from components.frame.pick import Pickable
from components.frame.scanned import Scanned
from components.frame.scenes import SceneCuts
from components.frame.transnet import TransNetCuts
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
    cuts, choice = _detection(settings, Choice(settings, keep))
    last: Decoded | None = None
    source = framing.source
    with opened_source(
        path, source, max_pixels=limits.max_pixels, hwaccel=settings.hwaccel
    ) as video:
        for last in video.decoded(source.start):
            thumbnail = framing.thumbnail(last.frame)
            size = last.frame.width, last.frame.height
            for second in cuts.feed(last.second, thumbnail, size):
                choice.cut(second)
            choice.offer(Pickable(last.number, last.second, last.frame), thumbnail)
        check_losses(video, last.number + 1 if last else 0, limits)
        assert last is not None, "a video without frames has lost them all"
        for second in cuts.finish(last.second):
            choice.cut(second)
        return Scanned(choice.finish(max(source.duration, last.second)), video.lost)


def _detection(
    settings: FrameSettings, choice: Choice
) -> tuple[SceneCuts | TransNetCuts, Choice | Delayed]:
    """Return the detector, and what frames are offered to that it has looked at."""
    if settings.detector != "transnetv2":
        return SceneCuts(settings), choice
    cuts = TransNetCuts(settings)
    return cuts, Delayed(choice, cuts, settings.min_frames)
