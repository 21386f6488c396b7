"""What a file says of itself, held against the limits before anything is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from av.container import InputContainer

from components.errors import Reason, VideoRejectedError
from components.settings import LimitSettings

# The boxes on the way to an edit list, from the outside in (ISO/IEC 14496-12, 8.6.6).
_WAY = (b"moov", b"trak", b"edts", b"elst")
_MOST_BOXES = 10_000


def check_claims(container: InputContainer, path: Path, limits: LimitSettings) -> None:
    """Look at streams, samples and edits.

    Raises:
        VideoRejectedError: there are more than the limits allow.
    """
    _check("streams", len(container.streams), "VP_MAX_STREAMS", limits.max_streams)
    for stream in container.streams.video:
        check_samples(max(stream.frames, len(stream.index_entries or ())), limits)
    _check("edits", _edits(path), "VP_MAX_EDITS", limits.max_edits)


def check_samples(samples: int, limits: LimitSettings) -> None:
    """Look at how many samples a stream has.

    Raises:
        VideoRejectedError: there are more than the limits allow.
    """
    _check("samples", samples, "VP_MAX_SAMPLES", limits.max_samples)


def check_sides(width: int, height: int, limits: LimitSettings) -> None:
    """Look at the sides of a picture.

    Raises:
        VideoRejectedError: one is longer than the limits allow.
    """
    if max(width, height) > limits.max_side:
        raise VideoRejectedError(
            Reason.TOO_LARGE,
            f"{width}x{height} pixels, a side of more than VP_MAX_SIDE={limits.max_side}",
        )


def _check(what: str, count: int, name: str, most: int) -> None:
    if count > most:
        raise VideoRejectedError(Reason.TOO_COMPLEX, f"{count} {what}, more than {name}={most}")


def _edits(path: Path) -> int:
    """Return how many edits the lists of an MP4 hold together, 0 where there are none."""
    with path.open("rb") as file:
        if file.read(12)[4:8] not in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
            return 0
        return _edits_within(file, (0, path.stat().st_size), _WAY, [_MOST_BOXES])


def _edits_within(
    file: BinaryIO, part: tuple[int, int], way: tuple[bytes, ...], left: list[int]
) -> int:
    """Return the edits in a part of the file; `left` counts down the boxes that are looked at."""
    edits, (position, end) = 0, part
    while position + 8 <= end and left[0]:
        left[0] -= 1
        file.seek(position)
        header = file.read(16)
        length, begin = int.from_bytes(header[:4]), 8
        if length == 1:
            length, begin = int.from_bytes(header[8:16]), 16
        elif length == 0:
            length = end - position
        if length < begin:
            break
        if header[4:8] == way[0]:
            inside = (position + begin, min(end, position + length))
            if len(way) > 1:
                edits += _edits_within(file, inside, way[1:], left)
            else:
                file.seek(inside[0] + 4)
                edits += int.from_bytes(file.read(4))
        position += length
    return edits
