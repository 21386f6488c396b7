"""Reading the frames of a video from the tar of PNGs in which phases hand them on."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from components.manifest import Frame

if TYPE_CHECKING:
    from PIL import Image


def read_pngs(path: Path, frames: Sequence[Frame]) -> Iterator[tuple[Frame, bytes]]:
    """Yield the frames and their PNG files, in order of `frames`, one in memory at a time.

    Raises:
        KeyError: the tar lacks a frame.
    """
    with tarfile.open(path) as tar:
        for frame in frames:
            file = tar.extractfile(frame.file)
            assert file is not None, f"{frame.file} is no file"
            yield frame, file.read()


def read_pictures(path: Path, frames: Sequence[Frame]) -> Iterator[tuple[Frame, Image.Image]]:
    """Yield the frames and their RGB pictures, in order of `frames`."""
    from PIL import Image

    for frame, png in read_pngs(path, frames):
        yield frame, Image.open(io.BytesIO(png)).convert("RGB")
