"""A video in segments that are decoded side by side, its frames in order of presentation.

FFmpeg's threads for one video cost a fifth more than decoding in one, wait for each other, and more
so where frames are left out. Segments begin where no frame refers to one before, so every frame
comes out as it does in one piece, whatever the number of decoders.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from av.packet import Packet
from av.video.frame import VideoFrame

from components.base.relay import relayed
from components.frame.framing import Framing
from components.frame.skipping import CannotSkipError
from components.media.packets import PacketIndex
from components.media.pictures import Picture
from components.media.video import VideoFile, cores_for, shared_part
from components.settings import LimitSettings

# Shorter ones are joined: each costs a seek, and what a decoder does until its first frame.
_LEAST_FRAMES = 48
# Part of a decoder's memory that frames may take which wait for their turn.
_WAITING = 0.125
_MOST_DECODERS = 16


@dataclass(frozen=True)
class Looked:
    """A frame that was decoded, its number, and what the detector looks at of it."""

    number: int
    frame: VideoFrame
    thumbnail: Picture


def segments(index: PacketIndex) -> list[range]:
    """Return the numbers of the frames of each segment."""
    starts = [0]
    for entry in sorted(index.entries):
        if entry >= starts[-1] + _LEAST_FRAMES:
            starts.append(entry)
    return [range(first, end) for first, end in pairwise([*starts, len(index.pts)])]


def room(video: VideoFile, limits: LimitSettings) -> int:
    """Return how many frames of a video may wait for their turn."""
    context = video.stream.codec_context
    # Of 8 bits and 4:2:0, as nearly all are; others take twice as much.
    frame_bytes = 1.5 * max(1, context.width * context.height)
    # As much as of the cores: videos beside this one have frames that wait, too.
    waiting = _WAITING * limits.decode_memory_mb * 2**20 * shared_part()
    return max(8, int(waiting / frame_bytes))


def decoders(index: PacketIndex, duration: float) -> int:
    """Return how many decoders are worth having for a video of so many seconds."""
    return min(cores_for(duration), len(segments(index)), _MOST_DECODERS)


class InOrder:
    """Decodes a video by its numbers, in one piece with one decoder or in segments with several.

    Args:
        videos: The same file, opened for each decoder.
        wanted: The numbers of frames not to be left out where no other refers to them; None for
            all.
    """

    def __init__(
        self,
        videos: Sequence[VideoFile],
        index: PacketIndex,
        framing: Framing,
        limits: LimitSettings,
        wanted: Collection[int] | None = None,
    ) -> None:
        self._videos, self._index, self._framing = videos, index, framing
        self._wanted = wanted
        self._ahead = room(videos[0], limits)

    def looked(self) -> Generator[Looked]:
        """Yield the frames in order.

        Raises:
            BorderGoneError: there is picture in the border of a frame.
            CannotSkipError: the frames are not those of the index, are interlaced, or damaged.
        """
        if len(self._videos) == 1:
            yield from self._looked(self._videos[0], None)
            return
        for video in self._videos:
            # Threads of their own would cost what they are to save.
            video.stream.codec_context.thread_count = 1
        makers: list[Callable[[range | None], Iterator[Looked]]] = [
            partial(self._looked, video) for video in self._videos
        ]
        with closing(relayed(makers, segments(self._index), self._ahead)) as looked:
            yield from looked

    def _looked(self, video: VideoFile, segment: range | None) -> Iterator[Looked]:
        """Yield the frames of a segment, or all."""
        if segment:
            video.seek(self._index.seek_time(segment.start))
        last = segment.start - 1 if segment else -1
        for frame in video.frames(self._packets(video, segment)):
            if video.lost:
                raise CannotSkipError("damaged", "it is damaged")
            number = self._number(frame)
            if segment and number < segment.start:
                continue
            if number <= last or (segment and number >= segment.stop):
                raise CannotSkipError("order", "frames do not come in order of their times")
            if self._wanted is None and number != last + 1:
                raise CannotSkipError("order", f"frame {last + 1} does not come")
            last = number
            yield Looked(number, frame, self._framing.thumbnail(frame))
        if self._wanted is None and segment and last != segment.stop - 1:
            raise CannotSkipError("order", f"frame {last + 1} does not come")

    def _packets(self, video: VideoFile, segment: range | None) -> Iterator[Packet[Any]]:
        """Yield the packets of a segment, or all, and what flushes the decoder."""
        for packet in video.packets():
            if packet.size and packet.pts is not None and self._index.has(packet.pts):
                number = self._index.number(packet.pts)
                if segment and number >= segment.stop:
                    break
                if self._wanted is not None:
                    video.skip_unreferenced(number not in self._wanted)
            yield packet
        else:
            return
        yield video.flushing()

    def _number(self, frame: VideoFrame) -> int:
        if frame.interlaced_frame:
            raise CannotSkipError("interlaced", "it is interlaced")
        if frame.pts is None or not self._index.has(frame.pts):
            raise CannotSkipError("order", "a frame comes at a time that no packet has")
        return self._index.number(frame.pts)
