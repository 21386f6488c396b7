"""At which keyframes of a stream decoding can begin as if nothing had been before them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

# ITU-T H.264, table 7-1: a slice of an IDR picture, and the first and last kinds of slices.
_H264_IDR, _H264_SLICES = 5, range(1, 6)
# ITU-T H.265, table 7-1: IDR_W_RADL and IDR_N_LP, and all kinds of slices.
_HEVC_IDR, _HEVC_SLICES = (19, 20), range(32)


def begins_anew(context: VideoCodecContext) -> Callable[[Packet[Any]], bool]:
    """Return what tells of a keyframe whether no later frame refers to one before it.

    True of IDR pictures of H.264 and HEVC in MP4 and Matroska (ISO/IEC 14496-15), whose units are
    preceded by their length; False where that cannot be told.
    """
    extra = context.extradata or b""
    if not extra.startswith(b"\x01"):
        return lambda _: False
    if context.name == "h264" and len(extra) > 4:
        length = (extra[4] & 3) + 1
        return lambda packet: (
            _slice(bytes(packet), length, lambda header: header & 31, _H264_SLICES) == _H264_IDR
        )
    if context.name == "hevc" and len(extra) > 21:
        length = (extra[21] & 3) + 1
        return lambda packet: (
            _slice(bytes(packet), length, lambda header: header >> 1 & 63, _HEVC_SLICES)
            in _HEVC_IDR
        )
    return lambda _: False


def _slice(packet: bytes, length: int, kind_of: Callable[[int], int], slices: range) -> int | None:
    """Return the kind of the packet's first slice, None where there is none."""
    at = 0
    while at + length < len(packet):
        size = int.from_bytes(packet[at : at + length])
        kind = kind_of(packet[at + length])
        if kind in slices:
            return kind
        at += length + size
    return None
