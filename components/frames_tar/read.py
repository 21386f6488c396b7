"""Reading the frames of a video from the tar of PNGs in which phases hand them on."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from components.records.videos import Frame


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
