"""A video in segments that are decoded side by side, its frames in order of presentation.

FFmpeg's threads for one video cost a fifth more than decoding in one, wait for each other, and more
so where frames are left out. But what a decoder's own thread does beside, it does with Python's
lock, and of more than a few such threads most wait for it, each time until the kernel has woken
them. So a few decoders share the cores, with threads of FFmpeg's where there are more cores.
Segments begin where no frame refers to one before, so every frame comes out as it does in one
piece, whatever the number of decoders.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import ceil
from typing import Any

from av.packet import Packet
from av.video.frame import VideoFrame

from components.base.relay import relayed
from components.base.side_by_side import batches
from components.frame.framing import Framing, is_blank
from components.frame.scenes import Difference
from components.frame.skipping import CannotSkipError
from components.media.packets import PacketIndex
from components.media.pictures import Picture
from components.media.video import MOST_THREADS, VideoFile, cores_for, shared_part
from components.records.videos import SourceVideo
from components.settings import FrameSettings, LimitSettings

# Shorter ones are joined: each costs a seek, and what a decoder does until its first frame.
_LEAST_FRAMES = 48
# Part of a worker's memory that frames may take which wait for their turn.
_WAITING = 0.125
# On 16 cores, three of six threads are quickest (docs/performance.md).
_MOST_DECODERS = 3
# Frames handed over at once: each time a thread wakes another, and both ask for Python's lock.
_AT_ONCE = 8


@dataclass(frozen=True)
class Looked:
    """A frame that was decoded, its number, and what is looked at of it.

    `score` is how much it differs from the one that the same decoder gave before (`Difference`),
    where it gave one and the detector asks for that; `blank` whether it is, where that is known.
    """

    number: int
    frame: VideoFrame
    thumbnail: Picture
    score: float | None = None
    blank: bool | None = None


def segments(index: PacketIndex) -> list[range]:
    """Return the numbers of the frames of each segment."""
    starts = [0]
    for entry in sorted(index.entries):
        if entry >= starts[-1] + _LEAST_FRAMES:
            starts.append(entry)
    return [range(first, end) for first, end in pairwise([*starts, len(index.pts)])]


def decoders(index: PacketIndex, source: SourceVideo, limits: LimitSettings) -> int:
    """Return how many decoders are worth having for a video.

    Of segments that are decoded side by side, half of the frames wait in the mean until those
    before are read. More decoders than there is memory for would wait themselves.
    """
    parts = segments(index)
    room = 2 * len(parts) * most_waiting(source, limits) / len(index.pts)
    return max(1, min(cores_for(source.duration), len(parts), ceil(room), _MOST_DECODERS))


def most_waiting(source: SourceVideo, limits: LimitSettings) -> int:
    """Return how many frames may wait for their turn."""
    # Of 8 bits and 4:2:0, as nearly all are; others take twice as much.
    frame_bytes = 1.5 * max(1, source.width * source.height)
    # As much as of the cores: videos beside this one have frames that wait, too.
    waiting = _WAITING * limits.decode_memory_mb * 2**20 * shared_part()
    return max(8, int(waiting / frame_bytes))


class InOrder:
    """Decodes a video by its numbers, in one piece with one decoder or in segments with several.

    What is looked at of a frame is computed where it is decoded.

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
        settings: FrameSettings,
        limits: LimitSettings,
        wanted: Collection[int] | None = None,
    ) -> None:
        self._videos, self._index, self._framing = videos, index, framing
        self._settings, self._wanted = settings, wanted
        waiting = most_waiting(framing.source, limits)
        # Each decoder has some more in hand.
        self._ahead = max(1, waiting // _AT_ONCE - len(videos))

    def looked(self) -> Generator[Looked]:
        """Yield the frames in order.

        Raises:
            BorderGoneError: there is picture in the border of a frame.
            CannotSkipError: the frames are not those of the index, are interlaced, or damaged.
        """
        if len(self._videos) == 1:
            yield from self._looked(self._videos[0], None)
            return
        cores = cores_for(self._framing.source.duration)
        threads = min(ceil(cores / len(self._videos)), MOST_THREADS)
        for video in self._videos:
            video.stream.codec_context.thread_count = threads
        makers: list[Callable[[range | None], Iterator[list[Looked]]]] = [
            partial(self._in_lots, video) for video in self._videos
        ]
        with closing(relayed(makers, segments(self._index), self._ahead)) as lots:
            for lot in lots:
                yield from lot

    def _in_lots(self, video: VideoFile, segment: range | None) -> Iterator[list[Looked]]:
        return batches(self._looked(video, segment), _AT_ONCE)

    def _looked(self, video: VideoFile, segment: range | None) -> Iterator[Looked]:
        """Yield the frames of a segment, or all."""
        if segment:
            video.seek(self._index.seek_time(segment.start))
        first = segment.start if segment else 0
        last = first - 1
        difference = Difference() if self._settings.is_scored else None
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
            thumbnail = self._framing.thumbnail(frame)
            score = difference.score(thumbnail) if difference else None
            yield Looked(
                number,
                frame,
                thumbnail,
                score=score if last >= first else None,
                blank=is_blank(thumbnail, self._settings.solid_std),
            )
            last = number
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
