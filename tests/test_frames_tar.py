"""A tar of frames that a hostile worker wrote is refused before anything else reads it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.frames_tar.png import encoded
from components.frames_tar.read import check_tar
from components.frames_tar.write import FramesTar
from components.records.videos import Frame

FRAMES = [
    Frame(number=n, second=n / 2, scene_start=0.0, scene_end=2.0, width=8, height=6)
    for n in range(3)
]


def written(path: Path, width: int = 8, height: int = 6, count: int = 3) -> None:
    with FramesTar(path) as tar:
        for frame in FRAMES[:count]:
            tar.add(frame.file, encoded(np.zeros((height, width, 3), np.uint8)))


def with_member(
    change: Callable[[tarfile.TarInfo], None], content: bytes = b""
) -> Callable[..., None]:
    def write(path: Path) -> None:
        written(path, count=2)
        with tarfile.open(path, "a") as tar:
            member = tarfile.TarInfo(FRAMES[2].file)
            member.size = len(content)
            change(member)
            tar.addfile(member, io.BytesIO(content))

    return write


def as_link(member: tarfile.TarInfo) -> None:
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"


def with_long_name(member: tarfile.TarInfo) -> None:
    member.name = "x" * 300


def truncated(path: Path) -> None:
    written(path)
    path.write_bytes(path.read_bytes()[:1500])


def twice(path: Path) -> None:
    written(path)
    with tarfile.open(path, "a") as tar:
        tar.addfile(tarfile.TarInfo(FRAMES[0].file))


HOSTILE: dict[str, Callable[..., None]] = {
    "a link": with_member(as_link),
    "a name that needs a header of its own": with_member(with_long_name),
    "another file": with_member(lambda member: setattr(member, "name", "manifest.json")),
    "no PNG": with_member(lambda member: None, b"GIF89a" + bytes(100)),
    "a PNG of another size": lambda path: written(path, width=60_000),
    "a frame missing": lambda path: written(path, count=2),
    "a frame twice": twice,
    "half a tar": truncated,
    "not a tar": lambda path: path.write_bytes(b"x" * 4096),
    "no bytes": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_a_worker_would_not_write_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "frames.tar"
    HOSTILE[kind](path)
    with pytest.raises(ValueError, match=r"."):
        check_tar(path, FRAMES)


def test_what_a_worker_writes_is_taken(tmp_path: Path) -> None:
    written(tmp_path / "frames.tar")
    check_tar(tmp_path / "frames.tar", FRAMES)
