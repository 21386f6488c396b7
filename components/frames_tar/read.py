"""Reading the frames of a video from the tar of PNGs in which phases hand them on."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from components.records.videos import Frame

# Signature, and the header's length and kind; after it width, height, bits and colours.
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_RGB_8_BITS = b"\x08\x02"


def read_pngs(path: Path, frames: Sequence[Frame]) -> Iterator[tuple[Frame, bytes]]:
    """Yield the frames and their PNG files, in order of `frames`, one in memory at a time.

    Raises:
        KeyError: the tar lacks a frame.
    """
    with tarfile.open(path) as tar:
        for frame in frames:
            file = tar.extractfile(frame.file)
            assert file is not None, f"{frame.file} is not a file"
            yield frame, file.read()


def check_tar(path: Path, frames: Sequence[Frame]) -> None:
    """Look whether a tar holds the frames as PNGs of their sizes and nothing else.

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
            begins = _PNG + frame.width.to_bytes(4) + frame.height.to_bytes(4) + _RGB_8_BITS
            if file.read(len(begins)) != begins:
                raise ValueError(f"{member.name} that is not a PNG of {frame.width}x{frame.height}")
            file.seek(start + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
            if not 0 < member.size <= size - start:
                raise ValueError(f"{member.name} of {member.size} bytes")
        if wanted or any(file.read(tarfile.RECORDSIZE)):
            raise ValueError(f"{len(wanted)} frames missing")
