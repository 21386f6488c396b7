"""Writing the frames of a video to the tar that later phases read."""

from __future__ import annotations

import io
import tarfile
from base64 import b64encode
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.frames_tar import png
from components.frames_tar.lossy import WEBP_MAX_SIDE, jpeg, webp
from components.records.frame_names import Format
from components.records.videos import SKETCH_SIZE


class FramesTar:
    """Writes frames to a tar, in any order; use as a context."""

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w")  # noqa: SIM115, closed by __exit__

    def add(
        self, name: str, picture: NDArray[np.uint8], kind: Format = "png", quality: int = 0
    ) -> None:
        """Append an RGB picture of shape (height, width, 3) as a file of this format.

        Args:
            quality: Of WebP and JPEG, 1 to 100.
        """
        self.add_file(name, encoded(picture, kind, quality))

    def add_file(self, name: str, content: bytes) -> None:
        """Append a picture that is a file already."""
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self._tar.addfile(member, io.BytesIO(content))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._tar.close()


def fitting(kind: Format, width: int, height: int) -> Format:
    """Return the format that a picture of this size can have: PNG where it is too large for it."""
    return "png" if kind == "webp" and max(width, height) > WEBP_MAX_SIDE else kind


def encoded(picture: NDArray[np.uint8], kind: Format, quality: int) -> bytes:
    """Return the file of an RGB picture of shape (height, width, 3)."""
    if kind == "png":
        return png.encoded(picture)
    return webp(picture, quality) if kind == "webp" else jpeg(picture, quality)


def sketch(picture: NDArray[np.uint8]) -> str:
    """Return the picture as imagehash reduces it for a dHash of 64 bits (see `Frame.sketch`)."""
    grey = Image.fromarray(picture).convert("L").resize(SKETCH_SIZE, Image.Resampling.LANCZOS)
    return b64encode(grey.tobytes()).decode()
