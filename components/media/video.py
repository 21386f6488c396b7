"""Decoding a video file with PyAV: its one video stream, at the times at which it is shown."""

from __future__ import annotations

import errno
import os
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from components.base.logs import log
from components.errors import Reason, VideoRejectedError
from components.media.containers import has_decoding_times_only, opened_container
from components.media.deinterlacing import deinterlaced
from components.media.streams import clock_of, packets_of, video_streams
from components.records.videos import Shift, SourceVideo

_LONG_S = 300
# More threads than cores, so that decoding does not wait while a frame is looked at.
_AHEAD = 2
# FFmpeg advises against more: each has frames of its own; hundreds run into the worker's memory.
MOST_THREADS = 16
_OPENCV_NO_MEMORY = -4  # cv::Error::StsNoMem


@dataclass(frozen=True)
class Decoded:
    """A decoded frame: `number` counts from 0, `second` is its presentation time."""

    number: int
    second: float
    frame: VideoFrame


class VideoFile:
    """An open video file, its video stream, and the shifts that mend the stream's clock.

    `guessed` says that frames have no times of their own, but take those of packets in turn.
    `lost` counts the packets that could not be decoded by now, `oversized` those among them that
    ask for a larger picture than is allowed.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        shifts: tuple[Shift, ...] = (),
        max_pixels: int = 0,
    ) -> None:
        self.container = container
        self.stream = stream
        self.lost = self.oversized = 0
        self._shifts = shifts
        self._max_pixels = max_pixels
        self.guessed = has_decoding_times_only(container)
        self._reorder = clock_of(container, stream).longest_reorder

    def packets(self) -> Iterator[Packet[Any]]:
        """Yield the packets of the stream, their times mended, and what flushes the decoder."""
        packets = (
            packet
            for packet in packets_of(self.container, self.stream)
            # An empty packet amidst others is a frame left out, and would end the decoder.
            if packet.size or packet.dts is None
        )
        if self._reorder is None and not self._shifts:
            return packets
        return self._mended(packets)

    def _mended(self, packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
        starts = [shift.packet for shift in self._shifts]
        for number, packet in enumerate(packets):
            if packet.dts is not None and packet.pts is not None and self._reorder is not None:
                apart = abs(packet.pts - packet.dts)
                packet.pts = packet.pts if apart <= self._reorder else None
            place = bisect_right(starts, number) - 1
            if place >= 0:
                by = self._shifts[place].by
                packet.pts = None if packet.pts is None else packet.pts + by
                packet.dts = None if packet.dts is None else packet.dts + by
            yield packet

    def keyframe_packets(self) -> Iterator[Packet[Any]]:
        """Yield the stream's keyframes, and what flushes the decoder at the end."""
        for packet in self.packets():
            if packet.is_keyframe or not packet.size:
                yield packet

    def next_keyframe(self) -> Iterator[Packet[Any]]:
        """Yield the next keyframe, and what flushes the decoder.

        Without that the decoder, which waits for what may be shown before, would give the keyframe
        with the one after it.
        """
        for packet in self.packets():
            if packet.is_keyframe:
                yield packet
                yield self.flushing()
                return

    def flushing(self) -> Packet[Any]:
        """Return the packet after which the decoder gives all that it has, and ends."""
        packet: Packet[Any] = Packet()
        packet.stream = self.stream
        return packet

    def decoded(
        self, start: float, packets: Iterable[Packet[Any]] | None = None
    ) -> Iterator[Decoded]:
        """Yield every frame in order of presentation, times counted from `start`, interlaced
        ones deinterlaced.

        Packets that cannot be decoded are passed over. Where frames have no times of their own,
        they take those of their packets in turn.

        Args:
            packets: Those to decode, of this stream; None for all.
        """
        coded: deque[int] = deque()

        def noted() -> Iterator[Packet[Any]]:
            for packet in self.packets() if packets is None else packets:
                if packet.dts is not None and packet.size and not packet.is_discard:
                    coded.append(packet.dts)
                yield packet

        second, step = 0.0, 0.0
        for number, frame in enumerate(deinterlaced(self._timed(noted(), coded))):
            shown = second + step if frame.pts is None else self.second(frame.pts, start)
            # Players show frames in the order in which they are decoded, late ones at once.
            shown = max(shown, second)
            step, second = (shown - second) or step, shown
            yield Decoded(number, second, frame)

    def _timed(self, packets: Iterable[Packet[Any]], coded: deque[int]) -> Iterator[VideoFrame]:
        """Yield the frames of the packets, those without a time with the next of `coded`."""
        for frame in self.frames(packets):
            next_coded = coded.popleft() if coded else None
            if self.guessed or frame.pts is None:
                frame.pts = next_coded
            yield frame

    def frames(self, packets: Iterable[Packet[Any]]) -> Iterator[VideoFrame]:
        """Yield the frames of packets of the stream; those that cannot be decoded are counted."""
        for packet in packets:
            try:
                frames = packet.decode()
            except EOFError:
                return
            except av.error.FFmpegError as error:
                self._lose(packet, error)
                continue
            for frame in frames:
                if isinstance(frame, VideoFrame):
                    self._check_size(frame.width, frame.height)
                    yield frame

    def second(self, pts: int, start: float) -> float:
        """Return the second after `start` at which a frame of the stream is shown."""
        base = self.stream.time_base
        assert base is not None, "a stream that is decoded has a time base"
        return max(0.0, round(float(pts * base) - start, 6))

    def pts(self, second: float, start: float) -> int:
        """Return the time of the stream's clock of a second after `start`."""
        base = self.stream.time_base
        assert base is not None, "a stream that is decoded has a time base"
        return int((second + start) / base)

    def seek(self, pts: int) -> None:
        """Go on at the last keyframe at or before `pts`; not in a video whose clock was mended."""
        assert not self._shifts, "shifts count packets from the beginning"
        self.container.seek(pts, stream=self.stream, backward=True)

    def skip_unreferenced(self, skip: bool = True) -> None:
        """Leave out frames that no other refers to, of the packets decoded from now on, or stop.

        The others come out as they do without. H.264 and HEVC; dav1d asks before the first only.
        """
        self.stream.codec_context.skip_frame = "NONREF" if skip else "DEFAULT"

    def _lose(self, packet: Packet[Any], error: av.error.FFmpegError) -> None:
        if error.errno == errno.ENOMEM:
            raise MemoryError(str(error)) from error
        self.lost += bool(packet.size)
        context = self.stream.codec_context
        # A size over the limit is refused by the decoder; some then forget what it was.
        pixels = context.width * context.height
        self.oversized += bool(self._max_pixels) and not 0 < pixels <= self._max_pixels
        log.debug("packet at %s of %s is lost: %s", packet.pts, self.container.name, error)

    def _check_size(self, width: int, height: int) -> None:
        if self._max_pixels and width * height > self._max_pixels:
            raise too_large(width, height, self._max_pixels)


def too_large(width: int, height: int, max_pixels: int) -> VideoRejectedError:
    """Return the rejection of a picture of more pixels than allowed."""
    return VideoRejectedError(
        Reason.TOO_LARGE, f"{width}x{height} pixels, more than VP_MAX_PIXELS={max_pixels}"
    )


@contextmanager
def decoder_errors(*also: type[Exception]) -> Iterator[None]:
    """Turn what FFmpeg's decoders and scaler raise on a picture into a rejection.

    Args:
        also: What else is raised on pictures that cannot be worked on.

    Raises:
        VideoRejectedError: the video cannot be decoded.
    """
    try:
        yield
    except av.error.FFmpegError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError(str(error)) from error
        raise _undecodable(error) from error
    except also as error:
        if getattr(error, "code", None) == _OPENCV_NO_MEMORY:
            raise MemoryError(str(error)) from error
        raise _undecodable(error) from error


def _undecodable(error: Exception) -> VideoRejectedError:
    return VideoRejectedError(
        Reason.UNDECODABLE, f"its pictures cannot be worked on ({error}); convert it to H.264"
    )


_threads = 0


def share_cores(threads: int) -> None:
    """Decode short videos with so many threads from now on, 0 for as many as there are cores.

    Threads of one video cost a fifth more than the same work on videos side by side.
    """
    global _threads  # noqa: PLW0603, a worker process has one task at a time
    _threads = threads


def cores_for(duration: float) -> int:
    """Return how many cores a video of so many seconds may use.

    A long one may be the last to end, with nothing left beside it.
    """
    return shared_cores() if duration <= _LONG_S else len(os.sched_getaffinity(0))


def shared_cores() -> int:
    """Return how many cores the video at hand may use."""
    return _threads or len(os.sched_getaffinity(0))


def shared_part() -> float:
    """Return which part of the machine the video at hand has to itself, 0 to 1."""
    return min(1.0, shared_cores() / len(os.sched_getaffinity(0)))


@contextmanager
def opened(
    path: Path,
    *,
    stream: int | None = None,
    shifts: tuple[Shift, ...] = (),
    max_pixels: int = 0,
    hwaccel: str = "none",
) -> Iterator[VideoFile]:
    """Open the local file at `path` for decoding a stream of pictures.

    Args:
        stream: Its number among all streams of the file; None for the first one.
        shifts: What mends its clock.
        max_pixels: Most pixels a frame may have, 0 for any number.
        hwaccel: A device to decode on, as FFmpeg names it (cuda); the CPU where there is none.

    Raises:
        VideoRejectedError: it is not a video, or not one that can be opened.
    """
    with opened_container(path, hwaccel) as container, decoder_errors():
        streams = video_streams(container)
        found = next((each for each in streams if each.index == stream), streams[0])
        found.thread_type = "AUTO"
        duration = (container.duration or 0) / av.time_base
        threads = cores_for(duration) if duration > _LONG_S else _threads
        ahead = threads + _AHEAD if threads > 1 else threads
        found.codec_context.thread_count = min(ahead, MOST_THREADS)
        if max_pixels:
            context = found.codec_context
            context.options = {**context.options, "max_pixels": str(max_pixels)}
        yield VideoFile(container, found, shifts, max_pixels)


def opened_source(
    path: Path, source: SourceVideo, *, max_pixels: int = 0, hwaccel: str = "none"
) -> AbstractContextManager[VideoFile]:
    """Open a video for decoding the stream that the probe chose, its clock mended."""
    return opened(
        path,
        stream=source.stream,
        shifts=source.shifts,
        max_pixels=max_pixels,
        hwaccel=hwaccel,
    )
