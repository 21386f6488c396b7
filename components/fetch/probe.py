"""What a video file is: its stream, size as displayed, times; and whether it is whole."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from components.base.profiling import profile
from components.errors import Reason, VideoRejectedError
from components.fetch.claims import check_claims, check_samples, check_sides
from components.media.containers import (
    has_broadcast_clock,
    has_decoding_times_only,
    is_picture,
    is_whole,
    opened_container,
)
from components.media.display import Display
from components.media.losses import check_losses
from components.media.streams import (
    Timed,
    Track,
    chosen,
    clock_of,
    packets_of,
    video_streams,
)
from components.media.video import decoder_errors, opened, too_large
from components.records.videos import Shift, SourceVideo, Video
from components.settings import LimitSettings
from components.stores.objects import Stored

# What a file lacks at its end compared with what its header promises before it is truncated, where
# its structure does not say; and where that says that the file goes on.
_LACKING_S = 1.0
_LACKING_PART = 0.05
_CUT_S = 0.2


@profile
def probe(path: Path, video: Video, stored: Stored, limits: LimitSettings) -> SourceVideo:
    """Read the whole file, decode its first frame, and return what it is.

    Raises:
        VideoRejectedError: not a video, not whole, without a decodable frame, or over a limit.
    """
    with opened_container(path) as container, decoder_errors():
        if is_picture(path, container):
            raise VideoRejectedError(
                Reason.NOT_A_VIDEO, "expected a video, found a HEIC or AVIF picture; upload a video"
            )
        check_claims(container, path, limits)
        tracks, any_end = _read(container, limits)
        track, why = chosen(tracks)
        if track.encrypted:
            raise VideoRejectedError(
                Reason.ENCRYPTED,
                f"{track.encrypted} of {len(track)} pictures are encrypted; upload it decrypted",
            )
        stream, timed = track.stream, track.timed()
        _check_size(stream.codec_context.width, stream.codec_context.height, limits)
        _check_index(path, stream)
        end = timed.end
        promised = (container.duration or 0) / av.time_base
        # Where no header says how long the file is, FFmpeg has looked at its last times itself.
        if not has_broadcast_clock(container) and promised > any_end + _CUT_S:
            stands_still = _is_whole(path, container, promised, any_end)
            # A promise of more than a video may have is not believed without pictures.
            if stands_still and promised <= limits.max_duration_s:
                end = max(end, promised)
        frame, shown = _first_frame(path, track, timed.shifts, limits)
        start = _start(container, timed, timed.start if shown is None else shown)
        duration = max(0.0, round(end - start, 6))
        _check_duration(duration, limits)
        display = Display(_pixel_aspect(stream))
        orientation, (width, height) = display.orientation(frame), display.size(frame)
        _check_size(width, height, limits)
        return SourceVideo(
            video=video,
            etag=stored.etag,
            bytes=stored.size,
            container=container.format.name,
            codec=stream.codec_context.name,
            width=width,
            height=height,
            rotation=orientation.rotation,
            start=start,
            duration=duration,
            mirrored=orientation.mirrored,
            pixel_aspect=display.pixel_aspect,
            stream=stream.index,
            chosen=why,
            shifts=timed.shifts,
            packets=track.packets,
            modified=stored.modified.isoformat(),
        )


def _read(container: InputContainer, limits: LimitSettings) -> tuple[list[Track], float]:
    """Read every packet; return the tracks that may be the video, and when the last stream ends.

    Raises:
        VideoRejectedError: there is no such track, or there are more packets than allowed.
    """
    guessed = has_decoding_times_only(container)
    tracks = [
        Track(stream, clock_of(container, stream), guessed) for stream in video_streams(container)
    ]
    of_stream = {track.stream.index: track for track in tracks}
    ends = _Ends()
    for packet in packets_of(container):
        if packet.size:
            ends.add(packet)
            track = of_stream.get(packet.stream_index)
            if track is not None:
                track.add(packet)
                check_samples(len(track), limits)
    return tracks, ends.latest


class _Ends:
    """When the content of each stream ends, in its own units until all is known."""

    def __init__(self) -> None:
        self._ends: dict[int, int] = {}
        self._units: dict[int, Fraction] = {}

    def add(self, packet: Packet[Any]) -> None:
        """Take the next packet of any stream."""
        time, stream = packet.dts if packet.pts is None else packet.pts, packet.stream_index
        if time is None or packet.is_discard:
            return
        if stream not in self._units and packet.time_base is not None:
            self._units[stream] = packet.time_base
        self._ends[stream] = max(self._ends.get(stream, 0), time + (packet.duration or 0))

    @property
    def latest(self) -> float:
        """The second of the file's clock at which the last one ends."""
        ends = (float(self._ends[stream] * unit) for stream, unit in self._units.items())
        return max(ends, default=0.0)


def _start(container: InputContainer, timed: Timed, shown: float) -> float:
    """Return the second of the file's clock that players call zero.

    Streams that start late (MPEG-TS, cut Matroska) are shown from zero. A negative start is audio
    priming, which players do not show, unless pictures are shown then. A clock that was mended
    says nothing of other streams. `shown` is when the first picture is.
    """
    first = (container.start_time or 0) / av.time_base
    if timed.shifts or (first < 0 and shown < 0):
        return shown
    return max(0.0, first)


def _check_index(path: Path, stream: VideoStream) -> None:
    """Compare the file's size with what its index names.

    Raises:
        VideoRejectedError: the file ends before.
    """
    size = path.stat().st_size
    ends = [entry.pos + entry.size for entry in stream.index_entries or ()]
    if ends and max(ends) > size:
        raise VideoRejectedError(
            Reason.TRUNCATED,
            f"the index promises {max(ends)} bytes, the file has {size}; upload it again",
        )


def _is_whole(path: Path, container: InputContainer, promised: float, any_end: float) -> bool:
    """Return whether nothing is missing from a file whose packets end before its header says.

    Then its last picture stands still, as in recordings of a screen.

    Raises:
        VideoRejectedError: something is missing.
    """
    whole = is_whole(path, container)
    tolerated = _CUT_S if whole is False else max(_LACKING_S, _LACKING_PART * promised)
    if not whole and promised > any_end + tolerated:
        raise VideoRejectedError(
            Reason.TRUNCATED,
            f"the header promises {promised:.1f} s, the file ends after {any_end:.1f} s; "
            "upload it again",
        )
    return bool(whole)


def _pixel_aspect(stream: VideoStream) -> float:
    """Return the width of a pixel divided by its height; 1 where none is said."""
    ratio = stream.sample_aspect_ratio
    return float(ratio) if ratio else 1.0


def _check_size(width: int, height: int, limits: LimitSettings) -> None:
    check_sides(width, height, limits)
    if width * height > limits.max_pixels:
        raise too_large(width, height, limits.max_pixels)


def _check_duration(seconds: float, limits: LimitSettings) -> None:
    if seconds > limits.max_duration_s:
        raise VideoRejectedError(
            Reason.TOO_LONG,
            f"{seconds:.0f} s, more than VP_MAX_DURATION_SECS={limits.max_duration_s:g}",
        )


def _first_frame(
    path: Path, track: Track, shifts: tuple[Shift, ...], limits: LimitSettings
) -> tuple[VideoFrame, float | None]:
    """Return the first frame that can be decoded, and its second of the file's clock, if known."""
    unit = track.clock.unit
    with opened(
        path, stream=track.stream.index, shifts=shifts, max_pixels=limits.max_pixels
    ) as file:
        for decoded in file.decoded(start=0.0):
            pts = decoded.frame.pts
            return decoded.frame, None if pts is None else pts * unit
        check_losses(file, 0, limits)
    raise AssertionError("a video without frames has lost them all")
