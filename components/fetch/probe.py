"""What a video file is: codec, size as displayed, times; and whether it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
from av.packet import Packet

from components.base.profiling import profile
from components.errors import Reason, VideoRejectedError
from components.fetch.claims import check_claims
from components.media.decoding import Decoded, VideoFile, opened
from components.records.videos import SourceVideo, Video
from components.settings import LimitSettings
from components.stores.s3 import Stored

# What a file lacks at its end compared with what its header promises before it is truncated.
_LACKING_S = 1.0
_LACKING_PART = 0.05


@profile
def probe(path: Path, video: Video, stored: Stored, limits: LimitSettings) -> SourceVideo:
    """Read the whole file, decode its first frame, and return what it is.

    Raises:
        VideoRejectedError: not a video, not whole, without a decodable frame, or over a limit.
    """
    with opened(path, max_pixels=limits.max_pixels) as file:
        _check_size(file, limits)
        check_claims(file, path, limits)
        _check_duration((file.container.duration or 0) / av.time_base, limits)
        start, end = file.start, _read_to_end(file, path)
        container, codec = file.container.format.name, file.stream.codec_context.name
    duration = max(0.0, round(end - start, 6))
    _check_duration(duration, limits)
    frame = _first_frame(path, start, limits).frame
    rotation = round(frame.rotation / 90) * 90 % 360
    upright = rotation % 180 == 0
    return SourceVideo(
        video=video,
        etag=stored.etag,
        bytes=stored.size,
        container=container,
        codec=codec,
        width=frame.width if upright else frame.height,
        height=frame.height if upright else frame.width,
        rotation=rotation,
        start=start,
        duration=duration,
    )


def _check_size(file: VideoFile, limits: LimitSettings) -> None:
    width, height = file.stream.codec_context.width, file.stream.codec_context.height
    if width * height > limits.max_pixels:
        raise VideoRejectedError(
            Reason.TOO_LARGE,
            f"{width}x{height} pixels, more than VP_MAX_PIXELS={limits.max_pixels}",
        )


def _check_duration(seconds: float, limits: LimitSettings) -> None:
    if seconds > limits.max_duration_s:
        raise VideoRejectedError(
            Reason.TOO_LONG,
            f"{seconds:.0f} s, more than VP_MAX_DURATION_SECS={limits.max_duration_s:g}",
        )


def _read_to_end(file: VideoFile, path: Path) -> float:
    """Read every packet and return when the last frame ends, in seconds of the file's clock.

    Raises:
        VideoRejectedError: the file ends before its index or its header says.
    """
    size = path.stat().st_size
    ends = [entry.pos + entry.size for entry in file.stream.index_entries or ()]
    if ends and max(ends) > size:
        raise VideoRejectedError(
            Reason.TRUNCATED,
            f"the index promises {max(ends)} bytes, the file has {size}; upload it again",
        )
    promised = (file.container.duration or 0) / av.time_base
    end, any_end = 0.0, 0.0
    for packet in file.packets():
        packet_end = _end(packet)
        any_end = max(any_end, packet_end)
        if packet.stream is file.stream:
            end = max(end, packet_end)
    lacking = promised - any_end
    if lacking > max(_LACKING_S, _LACKING_PART * promised):
        raise VideoRejectedError(
            Reason.TRUNCATED,
            f"the header promises {promised:.1f} s, the file ends after {any_end:.1f} s; "
            "upload it again",
        )
    return end


def _end(packet: Packet[Any]) -> float:
    # AVI has decoding times only.
    time = packet.dts if packet.pts is None else packet.pts
    if time is None or packet.time_base is None:
        return 0.0
    return float((time + (packet.duration or 0)) * packet.time_base)


def _first_frame(path: Path, start: float, limits: LimitSettings) -> Decoded:
    with opened(path, max_pixels=limits.max_pixels) as file:
        first = next(file.decoded(start), None)
    if first is None:
        raise VideoRejectedError(
            Reason.UNDECODABLE, "no frame of the video stream can be decoded; upload it again"
        )
    return first
