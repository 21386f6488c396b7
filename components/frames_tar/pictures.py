"""The frames of a video as pictures, from the tar in which phases hand them on."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from components.frames_tar.read import read_files
from components.records.frame_names import PILLOW_FORMATS
from components.records.videos import Frame


def read_pictures(path: Path, frames: Sequence[Frame]) -> Iterator[tuple[Frame, Image.Image]]:
    """Yield the frames and their RGB pictures, in order of `frames`."""
    for frame, file in read_files(path, frames):
        yield frame, opened(file)


def opened(file: bytes) -> Image.Image:
    """Return the RGB picture of a frame's file."""
    return Image.open(io.BytesIO(file), formats=PILLOW_FORMATS).convert("RGB")
