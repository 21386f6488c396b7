"""Which of a file's streams of pictures is the video, and when its frames are shown."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from components.base.logs import log
from components.errors import Reason, VideoRejectedError
from components.media.allowed import allowed_decoders
from components.media.containers import has_broadcast_clock
from components.media.timeline import Clock, mending, shifted
from components.records.videos import Shift

# Covers, chapter pictures and preview strips, whatever else they are marked as.
_NO_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
# Of what plays shorter than this part of the longest, a mark as default says nothing.
_LONG_ENOUGH = 0.5
# So many errors in a row without a packet between them end a file; damage has a few.
_MOST_ERRORS = 100
_NO_TIME = -(2**63)


def packets_of(container: InputContainer, *streams: VideoStream) -> Iterator[Packet[Any]]:
    """Yield the packets of the streams, of all if none is given; damage is passed over.

    A stream that shows up late in a damaged file has no place in PyAV's list: IndexError.
    """
    errors = 0
    while errors < _MOST_ERRORS:
        try:
            for packet in container.demux(*streams):
                errors = 0
                yield packet
        except EOFError:
            return
        except (av.error.FFmpegError, IndexError) as error:
            errors += 1
            log.debug("damage in %s: %s", container.name, error)
        else:
            return


@dataclass
class Track:
    """The packets of one stream, in the order in which the file holds them.

    With `guessed`, only their times of decoding are the file's own. `encrypted` counts those of
    which the file says so (ISO/IEC 23001-7; Matroska's ContentEncryption).
    """

    stream: VideoStream
    clock: Clock
    guessed: bool
    encrypted: int = 0
    _dts: array[int] = field(default_factory=lambda: array("q"))
    _pts: array[int] = field(default_factory=lambda: array("q"))
    _durations: array[int] = field(default_factory=lambda: array("q"))
    _shown: bytearray = field(default_factory=bytearray)

    def add(self, packet: Packet[Any]) -> None:
        """Take the next packet."""
        self._dts.append(_NO_TIME if packet.dts is None else packet.dts)
        pts = packet.dts if self.guessed else packet.pts
        self._pts.append(_NO_TIME if pts is None else pts)
        self._durations.append(packet.duration or 0)
        self._shown.append(not packet.is_discard)
        self.encrypted += packet.has_sidedata("encryption_info")

    def __len__(self) -> int:
        """Return how many packets were added."""
        return len(self._shown)

    @property
    def packets(self) -> int:
        """How many packets are shown, rather than only decoded because of an edit list."""
        return sum(self._shown)

    def timed(self) -> Timed:
        """Return when the stream's frames are shown, its clock mended."""
        dts, pts = np.array(self._dts), np.array(self._pts)
        reorder = self.clock.longest_reorder
        if reorder is not None:
            pts = np.where((dts != _NO_TIME) & (np.abs(pts - dts) > reorder), _NO_TIME, pts)
        pts = _filled(pts, dts)
        of_decoding = _NO_TIME not in self._dts
        times = dts if of_decoding else pts
        shifts = mending(times, self.clock, of_decoding=of_decoding)
        shown = np.array(self._shown, bool)
        begins = shifted(pts, shifts)[shown]
        ends = begins + np.array(self._durations)[shown]
        if not len(begins):
            return Timed(shifts, 0.0, 0.0)
        unit = self.clock.unit
        return Timed(shifts, float(begins.min()) * unit, float(ends.max()) * unit)


@dataclass(frozen=True)
class Timed:
    """When a stream's frames are shown: seconds of its clock after `shifts`."""

    shifts: tuple[Shift, ...]
    start: float
    end: float


def clock_of(container: InputContainer, stream: VideoStream) -> Clock:
    """Return what the times of the stream count."""
    base = stream.time_base
    assert base is not None, "a stream of pictures has a time base"
    return Clock(float(base), broadcast=has_broadcast_clock(container))


def video_streams(container: InputContainer) -> list[VideoStream]:
    """Return the streams that may be the video.

    Raises:
        VideoRejectedError: there is none, or none whose decoder is allowed.
    """
    streams = [each for each in container.streams.video if not each.disposition & _NO_VIDEO]
    if not streams:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise VideoRejectedError(Reason.NO_VIDEO_STREAM, f"expected a video stream, found {kinds}")
    allowed = allowed_decoders().split(",")
    decodable = [each for each in streams if _decoder(each) in allowed]
    if not decodable:
        raise VideoRejectedError(
            Reason.UNSUPPORTED_CODEC,
            f"its video needs the decoder {_decoder(streams[0])}, which VP_DECODERS does not list; "
            "upload it as H.264, or add the decoder",
        )
    return decodable


def chosen(tracks: list[Track]) -> tuple[Track, str]:
    """Return the track that is the video, and why: default, longest, largest or only.

    Tracks that play less than half as long as the longest are pictures beside the video. Of the
    others, one marked as the default goes first, then the longest, then the largest.
    """
    if len(tracks) == 1:
        return tracks[0], "only"
    all_played = [(track, _seconds(track)) for track in tracks]
    least = _LONG_ENOUGH * max(played for _, played in all_played)
    long = [(track, played) for track, played in all_played if played >= least]
    if len(long) == 1:
        return long[0][0], "longest"
    marked = [(track, played) for track, played in long if _is_default(track)]
    if len(marked) == 1:
        return marked[0][0], "default"
    # Tracks of one recording differ by a frame or two in length.
    longest = max(played for _, played in marked or long)
    tied = [track for track, played in marked or long if played > longest - max(1, 0.01 * longest)]
    if len(tied) == 1:
        return tied[0], "longest"
    return max(tied, key=_pixels), "largest"


def _seconds(track: Track) -> float:
    timed = track.timed()
    # One picture may be said to last as long as the file does.
    return timed.end - timed.start if track.packets > 1 else 0.0


def _is_default(track: Track) -> bool:
    return bool(track.stream.disposition & Disposition.default)


def _pixels(track: Track) -> int:
    return int(track.stream.codec_context.width * track.stream.codec_context.height)


def _decoder(stream: VideoStream) -> str:
    # PyAV makes no context where FFmpeg has no decoder.
    context = stream.codec_context
    return context.codec.name if context is not None else "none that FFmpeg knows"


def _filled(times: NDArray[np.int64], otherwise: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the times, with the other ones, or the last one before, where there is none."""
    times = np.where(times == _NO_TIME, otherwise, times)
    known = times != _NO_TIME
    if not known.any():
        return np.zeros_like(times)
    last = np.maximum.accumulate(np.where(known, np.arange(len(times)), -1))
    return times[np.where(last < 0, int(np.argmax(known)), last)]
