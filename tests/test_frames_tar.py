"""A tar of frames that a hostile worker wrote is refused before anything else reads it."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.base.picture_formats import Format
from components.frames_tar.encoding import encoded as as_file
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


def with_size(size: int) -> Callable[..., None]:
    """Say that a file has so many bytes; there is room for them, which costs nothing to make."""

    def write(path: Path) -> None:
        written(path, count=3)
        with path.open("r+b") as file:
            header = tarfile.TarInfo.frombuf(file.read(512), tarfile.ENCODING, "strict")
            header.size = size
            file.seek(0)
            file.write(header.tobuf(tarfile.GNU_FORMAT))
            file.truncate(10**8)

    return write


def going_on(path: Path) -> None:
    written(path)
    with path.open("ab") as file:
        file.truncate(10**8)


HOSTILE: dict[str, Callable[..., None]] = {
    "a link": with_member(as_link),
    "a name that needs a header of its own": with_member(with_long_name),
    "another file": with_member(lambda member: setattr(member, "name", "manifest.json")),
    "no PNG": with_member(lambda member: None, b"GIF89a" + bytes(100)),
    "a PNG of another size": lambda path: written(path, width=60_000),
    "a frame missing": lambda path: written(path, count=2),
    "a frame twice": twice,
    "half a tar": truncated,
    "a file larger than its picture": with_size(90 * 10**6),
    "a file of less than no bytes": with_size(-1),
    "megabytes after the end": going_on,
    "not a tar": lambda path: path.write_bytes(b"x" * 4096),
    "no bytes": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_a_worker_would_not_write_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "frames.tar"
    HOSTILE[kind](path)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"."):
            check_tar(path, FRAMES)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_what_a_worker_writes_is_taken(tmp_path: Path) -> None:
    written(tmp_path / "frames.tar")
    check_tar(tmp_path / "frames.tar", FRAMES)


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_noise_is_no_larger_than_a_file_may_be(tmp_path: Path, kind: Format) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (800, 600, 3), np.uint8)
    frame = FRAMES[0].model_copy(update={"width": 600, "height": 800, "format": kind})
    with FramesTar(tmp_path / "frames.tar") as tar:
        tar.add(frame.file, as_file(noise, kind, 100))
    check_tar(tmp_path / "frames.tar", [frame])
