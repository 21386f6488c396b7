"""Videos whose every frame can be read back: its number, which way up it is, and its colours.

A picture carries its number in bits, a colour in each corner and six patches. Scenes differ in the
pattern behind. Containers' boxes are changed by hand where no muxer writes what the world sends.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

WIDTH, HEIGHT, FPS = 320, 180, 25
SCENE = 25
"""Frames a scene."""

PATCHES = {
    "red": (200, 40, 40),
    "green": (40, 180, 60),
    "blue": (40, 60, 200),
    "yellow": (210, 200, 40),
    "grey": (128, 128, 128),
    "white": (230, 230, 230),
}
CORNERS = {
    "top left": (220, 30, 30),
    "top right": (30, 200, 30),
    "bottom left": (30, 30, 220),
    "bottom right": (220, 220, 30),
}
_BITS, _CELL, _PATCH, _CORNER = 10, 18, 32, 24
_BITS_TOP, _PATCHES_TOP = 36, 90
# How strongly each scene's pattern shows in red, green and blue.
_TINTS = ((0.9, 0.4, 0.6), (0.5, 0.9, 0.4), (0.4, 0.6, 1.0), (0.9, 0.8, 0.3))


@cache
def picture(number: int, scene: int) -> Picture:
    """Return the picture of a number: (180, 320, 3) RGB, not to be written to."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    wave = np.sin(columns / (9 + 6 * (scene % 3))) * np.cos(rows / (7 + 5 * (scene % 4)))
    grey = 60 + 90 * (wave + 1) / 2
    result = np.stack([grey * tint for tint in _TINTS[scene % len(_TINTS)]], -1).astype(np.uint8)
    left = _left(_BITS * _CELL)
    result[_BITS_TOP - 4 : _BITS_TOP + _CELL + 4, left - 4 : left + _BITS * _CELL + 4] = 90
    for bit in range(_BITS):
        result[_bit(bit)] = 235 if number >> bit & 1 else 16
    for index, colour in enumerate(PATCHES.values()):
        result[_patch(index)] = colour
    for where, colour in CORNERS.items():
        result[_corner(where)] = colour
    result.setflags(write=False)
    return result


def scene_of(number: int) -> int:
    """Return the scene of a frame of a video of scenes of the same length."""
    return number // SCENE


@dataclass(frozen=True)
class Reading:
    """What a picture shows: its number, the colour of each patch, which corner lies where."""

    number: int
    patches: dict[str, tuple[int, int, int]]
    corners: dict[str, str]

    @property
    def is_upright(self) -> bool:
        return all(where == found for where, found in self.corners.items())

    def off(self, other: dict[str, tuple[int, int, int]] | None = None) -> int:
        """Return by how much the worst channel of the patches differs, from 0 to 255."""
        wanted = other or PATCHES
        return max(
            abs(found - right)
            for name, colour in self.patches.items()
            for found, right in zip(colour, wanted[name], strict=True)
        )


def read(shown: Picture) -> Reading:
    """Read a picture of any size."""
    if shown.shape[:2] != (HEIGHT, WIDTH):
        shown = np.asarray(cv2.resize(shown, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
    number = sum(1 << bit for bit in range(_BITS) if _mean(shown[_bit(bit)])[1] > 126)
    patches = {name: _mean(shown[_patch(index)]) for index, name in enumerate(PATCHES)}
    corners = {where: _nearest(_mean(shown[_corner(where)])) for where in CORNERS}
    return Reading(number, patches, corners)


def _left(width: int) -> int:
    return (WIDTH - width) // 2


def _bit(bit: int) -> tuple[slice, slice]:
    left = _left(_BITS * _CELL) + bit * _CELL
    return slice(_BITS_TOP, _BITS_TOP + _CELL), slice(left, left + _CELL)


def _patch(index: int) -> tuple[slice, slice]:
    left = _left(len(PATCHES) * _PATCH) + index * _PATCH
    return slice(_PATCHES_TOP, _PATCHES_TOP + _PATCH), slice(left, left + _PATCH)


def _corner(where: str) -> tuple[slice, slice]:
    top, left = where.startswith("top"), where.endswith("left")
    rows = slice(0, _CORNER) if top else slice(HEIGHT - _CORNER, HEIGHT)
    return rows, slice(0, _CORNER) if left else slice(WIDTH - _CORNER, WIDTH)


def _mean(part: Picture) -> tuple[int, int, int]:
    """Return the mean colour of the middle, where the neighbours do not bleed in."""
    rows, columns = part.shape[:2]
    middle = part[rows // 4 : -(rows // 4), columns // 4 : -(columns // 4)].reshape(-1, 3)
    red, green, blue = middle.mean(0)
    return round(red), round(green), round(blue)


def _nearest(colour: tuple[int, int, int]) -> str:
    def apart(where: str) -> int:
        return sum((a - b) ** 2 for a, b in zip(colour, CORNERS[where], strict=True))

    return min(CORNERS, key=apart)


def write(
    path: Path,
    *options: object,
    frames: Sequence[int] = range(3 * SCENE),
    stored: Any = None,
    fps: int = FPS,
) -> Path:
    """Encode the pictures of these numbers with ffmpeg, H.264 unless the options say otherwise.

    Args:
        options: Of ffmpeg, for the output.
        stored: Takes the picture as it shall be shown and returns it as it is stored; without it,
            the same video is encoded once a process.
    """
    given = tuple(map(str, options))
    if stored is None and isinstance(frames, range):
        path.write_bytes(_written(path.suffix, given, frames, fps))
    else:
        _write(path, given, frames, stored or (lambda shown: shown), fps)
    return path


@lru_cache(maxsize=50)
def _written(suffix: str, options: tuple[str, ...], frames: range, fps: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"v{suffix}"
        _write(path, options, frames, lambda shown: shown, fps)
        return path.read_bytes()


def _write(
    path: Path, options: tuple[str, ...], frames: Sequence[int], stored: Any, fps: int
) -> None:
    height, width = stored(picture(0, 0)).shape[:2]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps)]
    usual = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-pix_fmt", "yuv420p"]
    command = [*source, "-i", "pipe:0", *usual, *options, str(path)]
    pictures = (stored(picture(number, scene_of(number))) for number in frames)
    run(*command, stdin=b"".join(np.ascontiguousarray(each).tobytes() for each in pictures))


def run(*arguments: object, stdin: bytes | None = None) -> bytes:
    """Run the ffmpeg of the wheel, whose version is known; return its output."""
    command = [get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, input=stdin or b"", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def with_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Write a display matrix of ones and zeros into the track of an MP4 file."""
    content = bytearray(path.read_bytes())
    # After version and flags, times, id, duration and what is reserved (ISO/IEC 14496-12, 8.3.2).
    at = content.index(b"tkhd") + 4 + 40
    fixed = [value << 16 for value in (a, b)] + [0, c << 16, d << 16, 0, 0, 0, 1 << 30]
    struct.pack_into(">9i", content, at, *fixed)
    path.write_bytes(content)


def turned_back(shown: Picture, a: int, b: int, c: int, d: int) -> Picture:
    """Return the picture that this display matrix turns into `shown`."""
    height, width = shown.shape[:2] if a else shown.shape[1::-1]
    rows, columns = np.mgrid[0:height, 0:width]
    x, y = a * columns + c * rows, b * columns + d * rows
    return shown[y - y.min(), x - x.min()]


def with_edits(path: Path, edits: Sequence[tuple[float, float, float]]) -> None:
    """Give the track of an MP4 file an edit list: (seconds shown, from which second, rate) each.

    A second of -1 shows nothing for as long. The file's index has to come last.
    """
    content = path.read_bytes()
    moov = content.index(b"moov") - 4
    head, index = content[:moov], bytearray(content[moov:])
    unit = int.from_bytes(_field(index, b"mvhd", 12))
    media_unit = int.from_bytes(_field(index, b"mdhd", 12))
    entries = b"".join(
        struct.pack(
            ">Iihh",
            round(seconds * unit),
            -1 if start < 0 else round(start * media_unit),
            int(rate),
            int(rate % 1 * 65536),
        )
        for seconds, start, rate in edits
    )
    at = index.index(b"elst") - 4
    old = int.from_bytes(index[at : at + 4])
    new = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
    index[at : at + old] = new
    for box in (b"moov", b"trak", b"edts"):
        place = index.index(box) - 4
        length = int.from_bytes(index[place : place + 4]) + len(new) - old
        index[place : place + 4] = length.to_bytes(4)
    shown = round(sum(seconds for seconds, _, _ in edits) * unit)
    for box, offset in ((b"mvhd", 16), (b"tkhd", 20)):
        place = index.index(box) + 4 + offset
        index[place : place + 4] = shown.to_bytes(4)
    path.write_bytes(head + index)


def _field(content: bytes | bytearray, box: bytes, offset: int) -> bytes:
    place = content.index(box) + 4 + offset
    return bytes(content[place : place + 4])
