"""The frames of a video as a model sees them, in one file: numbers and pixels of fixed size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class ScaledFrames:
    """Writes frames' pixels to a file, in any order; use as a context.

    Args:
        size: Width and height of all of them.
    """

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self._record = _record(size)
        self._file = path.open("wb")

    def add(self, number: int, pixels: NDArray[np.uint8]) -> None:
        """Append the pixels of a frame: (height, width, 3) RGB."""
        self._file.write(np.array([(number, pixels)], self._record).tobytes())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def read_scaled(path: Path, size: tuple[int, int]) -> dict[int, NDArray[np.uint8]]:
    """Return the pixels of the file's frames by their numbers, mapped and not read.

    Raises:
        ValueError: the file is of another kind, or empty.
    """
    frames = np.memmap(path, _record(size), "r")
    found = {int(frame["number"]): frame["pixels"] for frame in frames}
    if len(found) != len(frames):
        raise ValueError("a frame twice")
    return found


def _record(size: tuple[int, int]) -> np.dtype[Any]:
    width, height = size
    return np.dtype([("number", "<i8"), ("pixels", "u1", (height, width, 3))])
