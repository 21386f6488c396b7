"""What is held and left behind stays bounded: temporary files, frames read ahead, open files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.base.prefetch import Prefetched
from components.base.scratch import Scratch
from tests.clips import numbered_video
from tests.conftest import Corpus

pytestmark = pytest.mark.slow

HOLDER = """
import sys, time
from pathlib import Path
from components.base.run_names import run_name
from components.running.decoders import Access, Decoders
from components.base.scratch import Scratch
from components.settings import LimitSettings
scratch = Scratch(Path(sys.argv[1]))
Decoders(1, LimitSettings()).call(Access(), run_name)
with scratch.folder() as folder:
    (folder / "frames.tar").write_bytes(bytes(1000))
    print(folder, flush=True)
    time.sleep(60)
"""


ENDER = """
from components.base.run_names import run_name
from components.running.decoders import Access, Decoders
from components.settings import LimitSettings
pool = Decoders(1, LimitSettings())
pool.call(Access(), run_name)
pool.close()
"""


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with room for the path of a socket in it, which `tmp_path` lacks."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_a_process_that_ends_by_itself_leaves_nothing_and_says_nothing(short_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(short_path)}
    command = [sys.executable, "-c", ENDER]
    ended = subprocess.run(command, env=environment, check=True, capture_output=True)
    assert (ended.stdout, ended.stderr) == (b"", b"")
    assert list(short_path.iterdir()) == []


def test_files_of_a_killed_process_go_at_the_next_start(short_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(short_path)]
    environment = {**os.environ, "TMPDIR": str(short_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        folder = Path(holder.stdout.readline().strip())
        mine = Scratch(short_path)
        assert (folder / "frames.tar").exists(), "its owner is alive"
        holder.send_signal(signal.SIGKILL)
    other = Scratch(short_path)
    assert not folder.exists()
    assert mine.path.exists()
    mine.close()
    other.close()
    assert list(short_path.iterdir()) == []


def test_files_of_a_phase_are_gone_when_it_ends(tmp_path: Path, corpus: Corpus) -> None:
    corpus.add(numbered_video(tmp_path / "v.mp4", [number / 30 for number in range(30)]))
    corpus.add(b"no video", "bad")
    corpus.through("fetch", "crop", "frame", "dedup", "upload", "embed")
    assert list(corpus.services.scratch.path.iterdir()) == []


def test_no_more_is_read_ahead_than_asked_for() -> None:
    read: list[int] = []

    def numbers():  # type: ignore[no-untyped-def]
        for number in range(100):
            read.append(number)
            yield number

    items = Prefetched(numbers(), ahead=4)
    assert next(items) == 0
    time.sleep(0.3)
    assert len(read) <= 1 + 4 + 1
    before = threading.active_count()
    items.close()
    assert threading.active_count() == before - 1
    assert list(Prefetched(range(50), ahead=3)) == list(range(50))


def test_reading_ahead_counts_items_by_their_weight() -> None:
    read: list[int] = []

    def numbers():  # type: ignore[no-untyped-def]
        for number in range(100):
            read.append(number)
            yield number

    items = Prefetched(numbers(), 10, lambda _: 4)
    assert next(items) == 0
    time.sleep(0.3)
    assert len(read) <= 1 + 3 + 1
    items.close()
    assert list(Prefetched(range(50), 3, lambda item: item + 1)) == list(range(50))


def test_what_goes_wrong_while_reading_ahead_is_raised_to_the_reader() -> None:
    def numbers():  # type: ignore[no-untyped-def]
        yield 1
        raise OSError("gone")

    items = Prefetched(numbers(), ahead=4)
    assert next(items) == 1
    with pytest.raises(OSError, match="gone"):
        next(items)


def test_open_files_do_not_grow_with_the_number_of_videos(tmp_path: Path, corpus: Corpus) -> None:
    path = numbered_video(tmp_path / "v.mp4", [number / 30 for number in range(10)])
    corpus.add(path, "first")
    corpus.through("fetch", "crop", "frame", "dedup")
    before = len(os.listdir("/proc/self/fd"))
    for number in range(12):
        corpus.add(path, f"video{number}")
    corpus.through("fetch", "crop", "frame", "dedup")
    # Connections to S3: eight threads ask for results, two videos are worked on.
    assert len(os.listdir("/proc/self/fd")) <= before + 10
