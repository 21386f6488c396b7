"""Reading the frames of a video from the tar in which phases hand them on."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from components.records.videos import Frame

# Signature, and the header's length and kind; after it width, height, bits and colours.
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_RGB_8_BITS = b"\x08\x02"
# Start of image, then the segment of JFIF; frames of baseline and of other coding.
_JPEG = b"\xff\xd8\xff\xe0"
_BASELINE, _START_OF_SCAN = 0xC0, 0xDA
# Pillow writes tables and sizes into less than that, before any picture.
_HEADERS_BYTES = 2048
# How much larger than its pixels as they are a file may be, and what it has beside them: noise
# grows where it is compressed.
_GROWN, _MORE_BYTES = 2, 2**16


def read_files(path: Path, frames: Sequence[Frame]) -> Iterator[tuple[Frame, bytes]]:
    """Yield the frames and their files, in order of `frames`, one in memory at a time.

    Raises:
        KeyError: the tar lacks a frame.
    """
    with tarfile.open(path) as tar:
        for frame in frames:
            file = tar.extractfile(frame.file)
            assert file is not None, f"{frame.file} is not a file"
            yield frame, file.read()


def check_tar(path: Path, frames: Sequence[Frame]) -> None:
    """Look whether a tar holds the frames as files of their formats and sizes and nothing else.

    Only headers are read, of the one kind that `FramesTar` writes, so this costs no more than that
    however the file was made.

    Raises:
        ValueError: it is not so.
    """
    wanted = {frame.file: frame for frame in frames}
    size = path.stat().st_size
    with path.open("rb") as file:
        while (block := file.read(tarfile.BLOCKSIZE)) != bytes(tarfile.BLOCKSIZE):
            try:
                member = tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
            except tarfile.HeaderError as error:
                raise ValueError("a tar that cannot be read") from error
            start = file.tell()
            if member.name not in wanted or member.type != tarfile.REGTYPE:
                raise ValueError(f"a file {member.name!r} among the frames")
            frame = wanted.pop(member.name)
            # What is read as a whole later is no larger than its picture, and a size below 0
            # would have all of the tar read here.
            if not 0 < member.size <= min(size - start, _most_bytes(frame)):
                raise ValueError(f"{member.name} of {member.size} bytes")
            begins = file.read(min(member.size, _HEADERS_BYTES))
            if not _SIZE_OF[frame.format](begins) == (frame.width, frame.height):
                raise ValueError(
                    f"{member.name} that is not a {frame.format.upper()} of "
                    f"{frame.width}x{frame.height}"
                )
            file.seek(start + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
        if wanted:
            raise ValueError(f"{len(wanted)} frames missing")
        if any(rest := file.read(tarfile.RECORDSIZE + 1)) or len(rest) > tarfile.RECORDSIZE:
            raise ValueError("a tar that goes on after its end")


def _most_bytes(frame: Frame) -> int:
    return _GROWN * 3 * frame.width * frame.height + _MORE_BYTES


def png_size(begins: bytes) -> tuple[int, int] | None:
    """Return width and height of an RGB PNG of 8 bits."""
    if not begins.startswith(_PNG) or begins[24:26] != _RGB_8_BITS:
        return None
    return int.from_bytes(begins[16:20]), int.from_bytes(begins[20:24])


def _webp_size(begins: bytes) -> tuple[int, int] | None:
    """Return width and height of a simple lossy WebP (RFC 9649; RFC 6386, section 9.1)."""
    if begins[:4] != b"RIFF" or begins[8:16] != b"WEBPVP8 " or begins[23:26] != b"\x9d\x01\x2a":
        return None
    width, height = (int.from_bytes(begins[at : at + 2], "little") for at in (26, 28))
    # The upper two bits are a scale that readers may ignore, and this program never sets.
    return width, height


def _jpeg_size(begins: bytes) -> tuple[int, int] | None:
    """Return width and height of a baseline JPEG of three components (ITU-T T.81, annex B)."""
    if not begins.startswith(_JPEG):
        return None
    at = 2
    while at + 19 <= len(begins) and begins[at] == 0xFF and begins[at + 1] != _START_OF_SCAN:
        if begins[at + 1] == _BASELINE:
            if begins[at + 4] != 8 or begins[at + 9] != 3:
                return None
            height, width = (int.from_bytes(begins[at + n : at + n + 2]) for n in (5, 7))
            return width, height
        at += 2 + int.from_bytes(begins[at + 2 : at + 4])
    return None


_SIZE_OF = {"png": png_size, "webp": _webp_size, "jpeg": _jpeg_size}
