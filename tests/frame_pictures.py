"""The frames of a video as pictures, from the tar in which phases hand them on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from components.frames_tar.pictures import opened
from components.frames_tar.read import read_files
from components.records.videos import Frame


def read_pictures(path: Path, frames: Sequence[Frame]) -> Iterator[tuple[Frame, Image.Image]]:
    """Yield the frames and their RGB pictures, in order of `frames`."""
    for frame, file in read_files(path, frames):
        yield frame, opened(file)
