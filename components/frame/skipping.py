"""Which frames a scan may leave out: whether they can be numbered without decoding all of them."""

from __future__ import annotations

from pathlib import Path

from components.media.packets import PacketIndex
from components.media.video import VideoFile, opened_source
from components.records.videos import SourceVideo
from components.settings import LimitSettings


class CannotSkipError(Exception):
    """All frames of the video have to be decoded; the message says why."""


def numbered(path: Path, source: SourceVideo, limits: LimitSettings) -> PacketIndex:
    """Return the frames that decoding everything would give, without decoding it.

    Raises:
        CannotSkipError: packets do not say which frames there are, or when they are shown.
    """
    if source.shifts:
        raise CannotSkipError("its clock had to be mended")
    with opened_source(path, source, max_pixels=limits.max_pixels) as video:
        index = PacketIndex.of(video)
    if index.leading:
        with opened_source(path, source, max_pixels=limits.max_pixels) as video:
            index = index.without(_dropped(video, index))
    if not index.exact:
        raise CannotSkipError("its packets do not say when each frame is shown")
    return index


def _dropped(video: VideoFile, index: PacketIndex) -> set[int]:
    """Return the times of frames before the first keyframe that the decoder drops."""
    dropped = set(index.leading)
    for frame in video.frames(video.packets()):
        if frame.pts is None or frame.pts > index.leading[-1]:
            break
        dropped.discard(frame.pts)
    return dropped
