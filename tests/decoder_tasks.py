"""What tests have workers do; without imports that a worker would spend its time on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from components.errors import Reason, VideoRejectedError


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    time.sleep(60)


def eat() -> int:
    return len(bytearray(2**30))


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    raise VideoRejectedError(Reason.BLANK, "all one colour")


def answer(value: int) -> int:
    return value


def cores() -> int:
    from components.media.video import shared_cores

    return shared_cores()


def cores_once_read(path: Path) -> int:
    path.read_bytes()
    return cores()


def compute(seconds: float) -> float:
    """Take so many seconds of a core."""
    while time.process_time() < seconds:
        pass
    return time.process_time()


def spin() -> None:
    while True:
        pass


def spin_deaf() -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    spin()


def write_to_a_full_disk() -> None:
    Path("/dev/full").write_bytes(b"x")


def leave_a_child() -> None:
    """Hang in a program that was started for the worker."""
    from components.base.processes import start
    from components.media.ffmpeg import program

    endless = ["-re", "-f", "lavfi", "-i", "color=size=16x16:duration=777", "-f", "null", "-"]
    start([program(), "-nostdin", "-loglevel", "quiet", *endless])()
