"""What a process that goes on for hours holds: garbage in circles, and points of a collection."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CIRCLES = """
from components.base.garbage import collect_seldom

class Circle:
    there = most = 0

    def __init__(self):
        self.itself = self
        Circle.there += 1
        Circle.most = max(Circle.most, Circle.there)

    def __del__(self):
        Circle.there -= 1

collect_seldom()
for _ in range(300_000):
    Circle()
print(Circle.most)
"""

POINTS = """
import ctypes, sys
from components.settings import Settings
from components.stores.vectors.open import open_store
from tests.vectors import framed, unit

class Mallinfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                     "uordblks", "fordblks", "keepcost")
    ]

mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Mallinfo

def taken():
    told = mallinfo()
    return told.uordblks + told.hblkhd

few, many, frames = 10, 250, 20
store = open_store(Settings.load().having("index", url=sys.argv[1], engine="edge").index)
collection = store.collection()
collection.ensure("m", 4)
for number in range(many):
    if number == few:
        before = taken()
    video = framed(code=f"code-{number}")
    each = [video.frames[0].model_copy(update={"number": at}) for at in range(frames)]
    collection.replace(video.model_copy(update={"frames": tuple(each)}), unit(frames), "m")
print((taken() - before) / (frames * (many - few)))
store.close()
"""


def printed(script: str, *arguments: str) -> float:
    command = [sys.executable, "-c", script, *arguments]
    return float(subprocess.check_output(command, text=True))


def test_garbage_in_circles_goes_before_there_is_much_of_it() -> None:
    """boto3 leaves 60 objects a video in circles, of thousands of videos megabytes."""
    assert 1000 < printed(CIRCLES) < 60_000


@pytest.mark.slow
@pytest.mark.skipif("sys.platform != 'linux'", reason="asks glibc what was taken")
def test_a_point_takes_little_memory_until_the_collection_is_closed(tmp_path: Path) -> None:
    """Half of what it took was kept of it until it was flushed."""
    assert printed(POINTS, str(tmp_path / "qdrant")) < 1400
