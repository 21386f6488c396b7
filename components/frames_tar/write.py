"""Writing the frames of a video to the tar that later phases read."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Self


class FramesTar:
    """Writes frames to a tar, in any order; use as a context."""

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w")  # noqa: SIM115, closed by __exit__

    def add(self, name: str, content: bytes) -> None:
        """Append the file of a picture."""
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self._tar.addfile(member, io.BytesIO(content))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()
