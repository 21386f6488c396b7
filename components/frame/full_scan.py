"""Frames by decoding all of a video once: scenes are found and frames picked on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from av.video.frame import VideoFrame

from components.base.profiling import profile
from components.errors import Reason, VideoRejectedError
from components.frame.choice import Choice
from components.frame.delay import Delayed
from components.frame.framing import Framing
from components.frame.pick import Pickable
from components.frame.scenes import SceneCuts
from components.frame.transnet import TransNetCuts
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
    cuts, choice = _detection(settings, Choice(settings, keep))
    last: Decoded | None = None
    with opened(path, hwaccel=settings.hwaccel) as video:
        for last in video.decoded(framing.source.start):
            thumbnail = framing.thumbnail(last.frame)
            for second in cuts.feed(last.second, thumbnail):
                choice.cut(second)
            choice.offer(Pickable(last.number, last.second, last.frame), thumbnail)
        if last is None:
            raise VideoRejectedError(Reason.UNDECODABLE, "no frame of it can be decoded")
        for second in cuts.finish(last.second):
            choice.cut(second)
        return choice.finish(max(framing.source.duration, last.second))


def _detection(
    settings: FrameSettings, choice: Choice
) -> tuple[SceneCuts | TransNetCuts, Choice | Delayed]:
    """Return the detector, and what frames are offered to that it has looked at."""
    if settings.detector != "transnetv2":
        return SceneCuts(settings), choice
    cuts = TransNetCuts(settings)
    return cuts, Delayed(choice, cuts, settings.min_frames)
