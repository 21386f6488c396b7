"""Which frames a scan may leave out: whether they can be numbered without decoding all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from components.media.packets import PacketIndex
from components.media.video import VideoFile, opened_source
from components.records.videos import SourceVideo, WhyAll
from components.settings import LimitSettings

# Of these, frames that no other refers to can be left out for a while. VP8 and VP9 have hardly any
# such frames; of MPEG-2 and MPEG-4, packets need not be frames; and AV1's decoder is told once what
# to leave out, so that a doubt would cost all since a keyframe.
LEAVING_OUT = ("h264", "hevc")


class CannotSkipError(Exception):
    """All frames of the video have to be decoded; `why` is for counting, the message for people."""

    def __init__(self, why: WhyAll, message: str) -> None:
        super().__init__(message)
        self.why = why


@contextmanager
def several_decoders(
    path: Path, source: SourceVideo, limits: LimitSettings, count: int
) -> Iterator[list[VideoFile]]:
    """Open the video so many times.

    Raises:
        CannotSkipError: when left, some packets could not be decoded. What a damaged frame takes
            with it, only the full scan sees.
    """
    with ExitStack() as stack:
        videos = [
            stack.enter_context(opened_source(path, source, max_pixels=limits.max_pixels))
            for _ in range(count)
        ]
        yield videos
        if any(video.lost for video in videos):
            raise CannotSkipError("damaged", "it is damaged")


def check_frames(frames: int, wanted: int, index: PacketIndex) -> None:
    """Raise CannotSkipError where a scan found fewer frames than are wanted and there are."""
    if frames < min(wanted, len(index.pts)):
        raise CannotSkipError("few", "too few frames are left")


def numbered(path: Path, source: SourceVideo, limits: LimitSettings) -> PacketIndex:
    """Return the frames that decoding everything would give, without decoding it.

    Raises:
        CannotSkipError: packets do not say which frames there are, or when they are shown.
    """
    if source.shifts:
        raise CannotSkipError("mended", "its clock had to be mended")
    with opened_source(path, source, max_pixels=limits.max_pixels) as video:
        index = PacketIndex.of(video)
    if index.leading:
        with opened_source(path, source, max_pixels=limits.max_pixels) as video:
            index = index.without(_dropped(video, index))
    if not index.exact:
        raise CannotSkipError("times", "its packets do not say when each frame is shown")
    return index


def _dropped(video: VideoFile, index: PacketIndex) -> set[int]:
    """Return the times of frames before the first keyframe that the decoder drops."""
    dropped = set(index.leading)
    for frame in video.frames(video.packets()):
        if frame.pts is None or frame.pts > index.leading[-1]:
            break
        dropped.discard(frame.pts)
    return dropped
