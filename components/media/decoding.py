"""Decoding with PyAV: only whitelisted containers, exact presentation times, pictures upright."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from components.base.logs import log
from components.errors import Reason, VideoRejectedError
from components.records.videos import SourceVideo
from components.settings import LimitSettings

# Containers that hold their own data. Playlists and scripts (hls, concat, dash, …) are not among
# them, and no protocol but the local file is allowed, so a file cannot make FFmpeg open another.
DEMUXERS = "mov,matroska,webm,avi,flv,mpegts,mpeg,asf,ogg"
PROTOCOLS = "file,pipe"

_PLAYLIST_MARKS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<MPD", b"<smil", b"<asx")
_BOX_TYPES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp"}

_SMALL_WIDTH = 256
_LONG_S = 300
# More threads than cores, so that decoding does not wait while a frame is looked at.
_AHEAD = 2
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
# Titles in another encoding than UTF-8 are not a reason to refuse a video; PyAV 19 takes any.
_ANY_METADATA = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Decoded:
    """A decoded frame: `number` counts from 0, `second` is its presentation time."""

    number: int
    second: float
    frame: VideoFrame


class VideoFile:
    """An open video file and its first video stream."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.container = container
        self.stream = stream

    @property
    def start(self) -> float:
        """The second of the file's clock that players call zero.

        Streams that start late (MPEG-TS, cut Matroska) are shown from zero; a negative start is
        audio priming, which players do not show.
        """
        return max(0.0, (self.container.start_time or 0) / av.time_base)

    def packets(self, *streams: VideoStream) -> Iterator[Packet[Any]]:
        """Yield the packets of the streams (of all, if none is given) up to the first damage."""
        try:
            yield from self.container.demux(*streams)
        except av.error.FFmpegError:
            return

    def decoded(self, start: float) -> Iterator[Decoded]:
        """Yield every frame in order of presentation, times counted from `start`.

        Packets that cannot be decoded are skipped.
        """
        second = 0.0
        for number, frame in enumerate(self.frames(self.packets(self.stream))):
            if frame.pts is not None:
                second = self.second(frame.pts, start)
            yield Decoded(number, second, frame)

    def frames(self, packets: Iterable[Packet[Any]]) -> Iterator[VideoFrame]:
        """Yield the frames of packets of the stream; those that cannot be decoded are skipped."""
        for packet in packets:
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            yield from (frame for frame in frames if isinstance(frame, VideoFrame))

    def keyframe_packets(self) -> Iterator[Packet[Any]]:
        """Yield the stream's keyframes, and what flushes the decoder at the end."""
        for packet in self.packets(self.stream):
            if packet.is_keyframe or not packet.size:
                yield packet

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
        """Go on at the last keyframe at or before `pts`."""
        self.container.seek(pts, stream=self.stream, backward=True)


_threads = 0
_decoders = str(LimitSettings.model_fields["decoders"].default)


def share_cores(threads: int) -> None:
    """Decode short videos with so many threads from now on, 0 for as many as there are cores.

    Threads of one video cost a fifth more than the same work on videos side by side.
    """
    global _threads  # noqa: PLW0603, a worker process has one task at a time
    _threads = threads


def allow_decoders(names: str) -> None:
    """Use no other of FFmpeg's decoders from now on: names with commas."""
    global _decoders  # noqa: PLW0603, a worker process has one task at a time
    _decoders = names


def allowed_decoders() -> str:
    """Return the names of the decoders that may be used, with commas."""
    return _decoders


@contextmanager
def opened(path: Path, *, max_pixels: int = 0, hwaccel: str = "none") -> Iterator[VideoFile]:
    """Open the local file at `path` for decoding its first video stream.

    Args:
        max_pixels: Most pixels a frame may have, 0 for any number.
        hwaccel: A device to decode on, as FFmpeg names it (cuda); the CPU where there is none.

    Raises:
        VideoRejectedError: it is not a video, or not one that can be opened.
    """
    try:
        container = _container(path, hwaccel)
    except av.error.FFmpegError as error:
        raise _not_opened(path, error) from error
    with container:
        streams = [s for s in container.streams.video if not _is_cover(s)]
        if not streams:
            kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
            raise VideoRejectedError(
                Reason.NO_VIDEO_STREAM, f"expected a video stream, found {kinds}"
            )
        stream = streams[0]
        _check_decoder(stream)
        stream.thread_type = "AUTO"
        # A long video may be the last to end, with nothing left beside it.
        long = (container.duration or 0) / av.time_base > _LONG_S
        threads = len(os.sched_getaffinity(0)) if long else _threads
        stream.codec_context.thread_count = threads + _AHEAD if threads > 1 else threads
        if max_pixels:
            context = stream.codec_context
            context.options = {**context.options, "max_pixels": str(max_pixels)}
        yield VideoFile(container, stream)


def _container(path: Path, hwaccel: str) -> InputContainer:
    options: Any = {
        "options": {
            "protocol_whitelist": PROTOCOLS,
            "format_whitelist": DEMUXERS,
            "codec_whitelist": _decoders,
        },
        **_ANY_METADATA,
    }
    if hwaccel != "none":
        device = HWAccel(hwaccel, allow_software_fallback=True)
        try:
            with_device: InputContainer = av.open(str(path), **options, hwaccel=device)
            return with_device
        except (av.error.FFmpegError, RuntimeError) as error:
            log.warning("no decoding on %s here, on the CPU instead: %s", hwaccel, error)
    container: InputContainer = av.open(str(path), **options)
    return container


def _check_decoder(stream: VideoStream) -> None:
    context = stream.codec_context
    name = context.codec.name if context else "none that FFmpeg knows"
    if name not in _decoders.split(","):
        raise VideoRejectedError(
            Reason.UNSUPPORTED_CODEC,
            f"its video needs the decoder {name}, which VP_DECODERS does not list; upload it as "
            "H.264, or add the decoder",
        )


def upright(
    frame: VideoFrame, rotation: int, *, width: int, height: int, pixel_format: str = "rgb24"
) -> Picture:
    """Return the frame as displayed: (height, width, 3) uint8, rotation in degrees anticlockwise.

    `width` and `height` are those of the result.
    """
    if rotation % 180:
        width, height = height, width
    picture = frame.to_ndarray(
        format=pixel_format,
        width=width,
        height=height,
        interpolation=Interpolation.AREA if width < frame.width else Interpolation.BICUBIC,
        src_colorspace=_colorspace(frame),
    )
    return np.ascontiguousarray(np.rot90(picture, rotation // 90))


def small(frame: VideoFrame, source: SourceVideo) -> Picture:
    """Return the frame as displayed, scaled to at most 256 pixels of width: BGR uint8."""
    width = min(_SMALL_WIDTH, source.width)
    height = max(1, round(source.height * width / source.width))
    return upright(frame, source.rotation, width=width, height=height, pixel_format="bgr24")


def luma(frame: VideoFrame, rotation: int) -> Picture:
    """Return the frame's 8-bit luma plane as displayed, (height, width), in its coded range."""
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return np.rot90(rows[: frame.height, : frame.width], rotation // 90)


def is_bt709(frame: VideoFrame) -> bool:
    """Return whether the frame's colours are coded by BT.709; players assume so from HD on."""
    if frame.colorspace == _UNSPECIFIED:
        return frame.width >= 1280 or frame.height > 576
    return frame.colorspace == Colorspace.ITU709


def is_full_range(frame: VideoFrame) -> bool:
    """Return whether the frame's luma goes from 0 to 255, not from 16 to 235."""
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")


def _colorspace(frame: VideoFrame) -> Colorspace | None:
    """Return the matrix to name to the scaler for a frame that names none."""
    untagged = frame.colorspace == _UNSPECIFIED
    return Colorspace.ITU709 if untagged and is_bt709(frame) else None


def _is_cover(stream: VideoStream) -> bool:
    """Return whether the stream is the cover picture of an audio file."""
    return bool(stream.disposition & Disposition.attached_pic)


def _not_opened(path: Path, error: av.error.FFmpegError) -> VideoRejectedError:
    """Return the rejection that says best why the file did not open."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        return VideoRejectedError(Reason.EMPTY, "the file has no bytes; upload it again")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if any(text.startswith(mark) for mark in _PLAYLIST_MARKS):
        return VideoRejectedError(
            Reason.PLAYLIST, "expected a video, found a playlist; upload the video it points to"
        )
    if head[4:8] in _BOX_TYPES and not _has_index(path):
        return VideoRejectedError(
            Reason.TRUNCATED, "the file ends before its index (moov); upload it again"
        )
    return VideoRejectedError(
        Reason.NOT_A_VIDEO,
        f"expected a video ({DEMUXERS}), found {head[:16]!r} ({error.strerror}); upload a video",
    )


def _has_index(path: Path) -> bool:
    """Walk the file's top-level boxes (ISO/IEC 14496-12) in search of a whole moov."""
    size = path.stat().st_size
    with path.open("rb") as file:
        position = 0
        while position + 8 <= size:
            file.seek(position)
            header = file.read(16)
            length = int.from_bytes(header[:4])
            if length == 1:
                length = int.from_bytes(header[8:16])
            if header[4:8] == b"moov":
                return position + length <= size
            if length < 8:
                return False
            position += length
    return False
