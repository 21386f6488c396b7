"""A decoder's crash, hang or hunger costs one video and has its own reason."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from components.errors import Reason, TransientError, VideoRejectedError
from components.running.decoders import Access, Decoders
from components.settings import LimitSettings
from tests.decoder_tasks import (
    answer,
    be_killed,
    cores,
    cores_once_read,
    crash,
    eat,
    hang,
    leave_a_child,
    refuse,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def strict() -> Iterator[Decoders]:
    pool = Decoders(2, LimitSettings(VP_DECODE_MEMORY_MB=512))
    yield pool
    pool.close()


@pytest.fixture
def hasty() -> Iterator[Decoders]:
    """Workers that have no time, for what takes for ever."""
    pool = Decoders(1, LimitSettings(VP_DECODE_TIMEOUT_SECS=2))
    yield pool
    pool.close()


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (crash, Reason.DECODER_CRASHED),
        (eat, Reason.OUT_OF_MEMORY),
        (refuse, Reason.BLANK),
    ],
)
def test_what_goes_wrong_in_a_worker_is_the_videos(strict: Decoders, work, reason: Reason) -> None:  # type: ignore[no-untyped-def]
    with ThreadPoolExecutor(4) as callers:
        others = [callers.submit(strict.call, Access(), answer, number) for number in range(4)]
        with pytest.raises(VideoRejectedError) as caught:
            strict.call(Access(), work)
        assert [other.result() for other in others] == [0, 1, 2, 3]
    assert caught.value.reason == reason
    assert strict.call(Access(), answer, 7) == 7


def test_who_is_worth_more_seconds_gets_more_cores(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with closing(Decoders(4, LimitSettings())) as pool, ThreadPoolExecutor(1) as callers:
        alone = callers.submit(pool.call, Access(fifo, cpu_s=300), cores_once_read, fifo)
        # Opened only once the worker reads, so that there are two in flight until it is closed.
        with fifo.open("wb"):
            assert pool.call(Access(cpu_s=100), cores) == 1
            assert pool.call(Access(cpu_s=300), cores) == 2
            assert pool.call(Access(cpu_s=900), cores) == 3
        assert alone.result() == 4
        assert pool.call(Access(), cores) == 4


def test_a_worker_that_hangs_is_ended(hasty: Decoders) -> None:
    with pytest.raises(VideoRejectedError) as caught:
        hasty.call(Access(), hang)
    assert caught.value.reason == Reason.DECODER_TIMEOUT


def test_a_worker_killed_from_outside_is_not_the_videos_fault(strict: Decoders) -> None:
    with pytest.raises(TransientError, match="killed"):
        strict.call(Access(), be_killed)
    assert strict.call(Access(), answer, 7) == 7


def test_decoding_goes_on_after_the_process_that_forks_workers_was_killed(strict: Decoders) -> None:
    assert strict.call(Access(), answer, 7) == 7
    forks = [
        child for child in psutil.Process().children()
        if any("components.running.nursery" in word for word in child.cmdline())
    ]  # fmt: skip
    assert forks
    for child in forks:
        child.kill()
        child.wait()
    with ThreadPoolExecutor(4) as callers:
        others = [callers.submit(strict.call, Access(), answer, number) for number in range(4)]
        assert [other.result() for other in others] == [0, 1, 2, 3]


def test_programs_end_with_their_worker(hasty: Decoders) -> None:
    with pytest.raises(VideoRejectedError, match="VP_DECODE_TIMEOUT_SECS"):
        hasty.call(Access(), leave_a_child)
    hangs = time.monotonic() + 600
    while running("color=size=16x16:duration=777"):
        assert time.monotonic() < hangs
        time.sleep(0.05)


def running(argument: str) -> bool:
    commands = (path / "cmdline" for path in Path("/proc").iterdir() if path.name.isdigit())
    for command in commands:
        try:
            if argument.encode() in command.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False


def test_what_forks_workers_ends_without_a_word_when_its_starter_is_killed() -> None:
    """Ctrl-C a second after the start printed its traceback below the message."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-c",
         f"from components.running.nursery import main; main({theirs.fileno()}, [])"],
        pass_fds=[theirs.fileno()], stderr=subprocess.PIPE,
    )  # fmt: skip
    theirs.close()
    # Ready, and closed with its first line unread, as the kernel closes what a killed process had.
    select.select([ours], [], [])
    ours.close()
    _, said = process.communicate()
    assert (process.returncode, said) == (0, b"")
