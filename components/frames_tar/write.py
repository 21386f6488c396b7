"""Writing the frames of a video to the tar of PNGs that later phases read."""

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
from components.records.videos import SKETCH_SIZE


class FramesTar:
    """Writes frames to a tar, in any order; use as a context."""

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w")  # noqa: SIM115, closed by __exit__

    def add(self, name: str, picture: NDArray[np.uint8]) -> None:
        """Append an RGB picture of shape (height, width, 3) as PNG."""
        self.add_file(name, png.encoded(picture))

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


def sketch(picture: NDArray[np.uint8]) -> str:
    """Return the picture as imagehash reduces it for a dHash of 64 bits (see `Frame.sketch`)."""
    grey = Image.fromarray(picture).convert("L").resize(SKETCH_SIZE, Image.Resampling.LANCZOS)
    return b64encode(grey.tobytes()).decode()
