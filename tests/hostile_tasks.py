"""What hostile code does in a worker; without imports that a worker would spend its time on."""

from __future__ import annotations

import ctypes
import mmap
import os
import select
import signal
from pathlib import Path

from components.base import processes
from components.records.videos import Rectangle


def say(content: bytes, times: int = 1) -> Rectangle:
    """Answer as hostile code may: straight into the pipe."""
    pipe = answer_pipe()
    for _ in range(times):
        os.write(pipe, content)
    os._exit(0)


def answer_pipe() -> int:
    """Return the descriptor, beside the standard ones, that can be written and is no socket."""
    for descriptor in range(3, 100):
        try:
            if str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith("pipe:"):
                return descriptor
        except PermissionError:
            # Confined, it has to guess.
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            if os.fstat(descriptor).st_mode & 0o170000 == 0o010000:
                return descriptor
        except OSError:
            continue
    raise AssertionError("no pipe")


def put_a_link(output: Path, target: Path) -> bool:
    output.unlink()
    output.symlink_to(target)
    return True


def put_a_pipe(output: Path, target: Path) -> bool:
    output.unlink()
    os.mkfifo(output)
    return True


def put_nothing(output: Path, target: Path) -> bool:
    output.unlink()
    return True


def fill(output: Path) -> bool:
    with output.open("wb") as file:
        while True:
            file.write(bytes(2**20))


def leave_a_process() -> bool:
    """Leave one behind that has a session and a parent of its own."""
    if not os.fork():
        os.setsid()
        if not os.fork():
            os.execvp("sleep", ["sleep", "63.25"])
        os._exit(0)
    return True


def ask_for_nonsense() -> bool:
    """Ask the warden for something so deep that reading it fails; tell whether it said no."""
    launcher = processes._launcher
    assert launcher
    launcher.send(b"[" * 60_000)
    return launcher.recv(100) == b""


def ask_for_two_programs() -> str:
    """Start ffmpeg beside ffmpeg, of which each may take as much memory as this process."""
    from components.media.ffmpeg import program

    endless = ["-re", "-f", "lavfi", "-i", "color=size=16x16:duration=60", "-f", "null", "-"]
    processes.start([program(), "-nostdin", "-loglevel", "quiet", *endless])
    second = processes.start([program(), "-version"])
    try:
        return f"ended with {second()}"
    except ValueError:
        return "refused"


def end_the_warden(note: Path) -> bool:
    """Live on without who watches over this process."""
    ctypes.CDLL(None).prctl(1, 0)
    note.write_text(str(os.getpid()))
    os.kill(os.getppid(), signal.SIGKILL)
    return wait_for_ever()


def call_otherwise(code: bytes) -> bool:
    """Call the kernel by machine code; only a filter that knows no such calls ends the process."""
    page = mmap.mmap(-1, mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    return True


def wait_for_ever() -> bool:
    while True:
        select.select([], [], [], 10)
