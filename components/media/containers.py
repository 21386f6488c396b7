"""Opening files that may be anything: only whitelisted containers, and whether they are whole."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.format import Flags

from components.base.logs import log
from components.errors import Reason, VideoRejectedError
from components.media.allowed import allowed_decoders

# Containers that hold their own data. Playlists and scripts (hls, concat, dash, …) are not among
# them, and no protocol but the local file is allowed, so a file cannot make FFmpeg open another.
DEMUXERS = "mov,matroska,webm,avi,flv,mpegts,mpeg,asf,ogg,gif"
PROTOCOLS = "file,pipe"

_PLAYLIST_MARKS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<MPD", b"<smil", b"<asx")
_BOX_TYPES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp"}
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
# Titles in another encoding than UTF-8 are not a reason to refuse a video; PyAV 19 takes any.
_ANY_METADATA = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}


def opened_container(path: Path, hwaccel: str = "none") -> InputContainer:
    """Open the local file at `path`.

    Args:
        hwaccel: A device to decode on, as FFmpeg names it (cuda); the CPU where there is none.

    Raises:
        VideoRejectedError: it is not a video, or not one that can be opened.
    """
    options: Any = {
        "options": {
            "protocol_whitelist": PROTOCOLS,
            "format_whitelist": DEMUXERS,
            "codec_whitelist": allowed_decoders(),
        },
        **_ANY_METADATA,
    }
    try:
        if hwaccel != "none":
            device = HWAccel(hwaccel, allow_software_fallback=True)
            try:
                with_device: InputContainer = av.open(str(path), **options, hwaccel=device)
                return with_device
            except (av.error.FFmpegError, RuntimeError) as error:
                log.warning("no decoding on %s here, on the CPU instead: %s", hwaccel, error)
        container: InputContainer = av.open(str(path), **options)
    except av.error.FFmpegError as error:
        raise _not_opened(path, error) from error
    return container


def has_broadcast_clock(container: InputContainer) -> bool:
    """Return whether the clock may jump or wrap at any time, and no header says how long it runs.

    So it is in MPEG transport and program streams (ISO/IEC 13818-1).
    """
    return bool(Flags(container.format.flags) & Flags.ts_discont)


def has_decoding_times_only(container: InputContainer) -> bool:
    """Return whether the times of presentation that FFmpeg reports are guesses, as for AVI."""
    return container.format.name == "avi"


def is_whole(path: Path, container: InputContainer) -> bool | None:
    """Return whether the file goes on to where its outermost box says; None where none says it."""
    measure = _ENDS.get(container.format.name.split(",")[0])
    if measure is None:
        return None
    with path.open("rb") as file:
        end = measure(file, path.stat().st_size)
    return None if end is None else end <= path.stat().st_size


def _boxes_end(file: BinaryIO, size: int) -> int | None:
    """Return where the last top-level box of ISO/IEC 14496-12 ends."""
    position = 0
    while position + 8 <= size:
        length = _box(file, position)[1]
        if length == 0:
            return size
        if length < 8:
            return None
        position += length
    return position


def _box(file: BinaryIO, position: int) -> tuple[bytes, int]:
    """Return the type and the length of the box at the position."""
    file.seek(position)
    header = file.read(16)
    length = int.from_bytes(header[:4])
    return header[4:8], int.from_bytes(header[8:16]) if length == 1 else length


def _segment_end(file: BinaryIO, _: int) -> int | None:
    """Return where Matroska's segment ends (RFC 9559), None where it is of unknown size."""
    if file.read(4) != _EBML:
        return None
    header = _vint(file)
    if header is None:
        return None
    file.seek(header, 1)
    if file.read(4) != _SEGMENT:
        return None
    length = _vint(file)
    return None if length is None else file.tell() + length


def _vint(file: BinaryIO) -> int | None:
    """Read an integer of variable length (RFC 8794); None is "unknown"."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    data = bytes([first[0] & (0x7F >> (length - 1))]) + file.read(length - 1)
    value = int.from_bytes(data)
    return None if value == (1 << 7 * length) - 1 else value


def _riff_end(file: BinaryIO, _: int) -> int | None:
    """Return where AVI's first RIFF chunk ends; recorders that broke off leave its size at 0."""
    kind, length = struct.unpack("<4sI", file.read(8).ljust(8, b"\0"))
    return 8 + length if kind == b"RIFF" and 0 < length < 0xFFFFFFFF else None


_ENDS: dict[str, Callable[[BinaryIO, int], int | None]] = {
    "mov": _boxes_end,
    "matroska": _segment_end,
    "avi": _riff_end,
}


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


def is_picture(path: Path, container: InputContainer) -> bool:
    """Return whether it is a HEIC or AVIF picture, of which FFmpeg makes a video of one tile.

    Such have items in place of tracks (ISO/IEC 23008-12); those that move have both.
    """
    if not container.format.name.startswith("mov"):
        return False
    kinds = [kind for kind, _ in _top_level(path)]
    return b"meta" in kinds and b"moov" not in kinds


def _has_index(path: Path) -> bool:
    """Return whether the file has a whole moov."""
    size = path.stat().st_size
    return any(kind == b"moov" and end <= size for kind, end in _top_level(path))


def _top_level(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield type and end of the file's outermost boxes (ISO/IEC 14496-12)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        position = 0
        while position + 8 <= size:
            kind, length = _box(file, position)
            yield kind, position + length
            if length < 8:
                return
            position += length
