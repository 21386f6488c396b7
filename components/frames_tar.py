"""The frames of one video as PNGs in a tar: how phases hand pictures to each other."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from components.manifest import Frame

if TYPE_CHECKING:
    from PIL import Image

# zlib's levels 1 to 3 take about the same time on photographs, and 3 is a tenth smaller.
_COMPRESSION = 3


class FramesTar:
    """Writes frames to a tar, in any order; use as a context."""

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w")  # noqa: SIM115, closed by __exit__

    def add(self, name: str, picture: Image.Image) -> None:
        """Append a picture as PNG."""
        png = io.BytesIO()
        picture.save(png, "PNG", compress_level=_COMPRESSION)
        member = tarfile.TarInfo(name)
        member.size = png.tell()
        png.seek(0)
        self._tar.addfile(member, png)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._tar.close()


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
