"""Runs a command in a process of its own and measures it and all that it starts."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from components.base.processes import die_with_parent
from components.errors import RunFailedError

_PR_SET_CHILD_SUBREAPER = 36
_FIRST_S, _EVERY_S = 0.1, 1.0
_TO_END_S = 20.0
_NOTHING = (0, 0, 0, 0)


@dataclass(frozen=True)
class Sample:
    """What the command and all that it started held at a moment.

    `mb` is their share of memory (PSS) with the files that they map, which the kernel takes back
    when it needs to; `own_private_mb` is what of the command itself lies in no file.
    """

    at_s: float
    mb: float
    own_private_mb: float
    threads: int
    open_files: int
    processes: int


@dataclass(frozen=True)
class Measurement:
    """What one process and its descendants took.

    `wall_s` is seconds from the start of the interpreter to its end, `cpu_s` those of all cores.
    `peak_mb` is the largest sum of their memory in MB of 10^6 bytes, shared pages counted once
    (PSS), sampled once a second (more often in the first); `open_files` the largest sum of their
    file descriptors. `samples` is all that was looked at.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    open_files: int
    output: str
    samples: Sequence[Sample] = ()


def measured(
    command: Sequence[str],
    environment: Mapping[str, str],
    every_s: float = _EVERY_S,
    most_s: float = math.inf,
) -> Measurement:
    """Run the command and measure it, looking at it every so many seconds.

    After `most_s` it is interrupted, as by Ctrl-C.

    Raises:
        RunFailedError: it did not end with 0.
    """
    # What a command starts and leaves (pixeltable's Postgres, multiprocessing's fork server) comes
    # to this process then, with the time of its own children.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        before, others = _cpu_of_ended(), set(psutil.Process().children())
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            preexec_fn=die_with_parent,
        )
        with _Sampler(process.pid, every_s, most_s) as sampler:
            _, status = os.waitpid(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        _end_leftovers(others)
        out.seek(0)
        errors.seek(0)
        if process.returncode and not sampler.interrupted:
            raise RunFailedError(
                f"{' '.join(command)} ended with {process.returncode}: {errors.read()[-2000:]}"
            )
        return Measurement(
            wall_s=round(seconds, 3),
            cpu_s=round(_cpu_of_ended() - before, 3),
            peak_mb=round(max((one.mb for one in sampler.samples), default=0.0), 1),
            open_files=max((one.open_files for one in sampler.samples), default=0),
            output=out.read(),
            samples=sampler.samples,
        )


class _Sampler:
    """Looks at all descendants of this process every so many seconds, from a thread."""

    def __init__(self, command: int, every_s: float, most_s: float) -> None:
        self._command, self._every_s, self._most_s = command, every_s, most_s
        self.interrupted = False
        self._began = time.perf_counter()
        self.samples: list[Sample] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        wait_s = _FIRST_S
        while not self._ended.wait(wait_s):
            wait_s = min(2 * wait_s, self._every_s)
            at_s = time.perf_counter() - self._began
            if at_s > self._most_s and not self.interrupted:
                self.interrupted = True
                os.kill(self._command, signal.SIGINT)
            pids = [process.pid for process in psutil.Process().children(recursive=True)]
            held = {pid: _held(pid) for pid in pids}
            own = held.get(self._command, _NOTHING)
            sums = [*map(sum, zip(_NOTHING, *held.values(), strict=True))]
            self.samples.append(
                Sample(
                    at_s=at_s,
                    mb=sums[0] / 1e6,
                    own_private_mb=own[1] / 1e6,
                    threads=sums[2],
                    open_files=sums[3],
                    processes=len(pids),
                )
            )


def _held(pid: int) -> tuple[int, int, int, int]:
    """Return a process's PSS, that in no file, in bytes; threads, files; zeros once it ended."""
    folder = Path("/proc") / str(pid)
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: int(size) * 1024 for name, size, *_ in map(str.split, lines)}
        threads, files = (len(list((folder / name).iterdir())) for name in ("task", "fd"))
        return sizes["Pss:"], sizes["Pss_Anon:"], threads, files
    except (OSError, KeyError):
        return _NOTHING


def _end_leftovers(others: Collection[psutil.Process]) -> None:
    """End the servers that a command left behind, so that the next one is alone.

    Args:
        others: What this process had started before.
    """
    left = [child for child in psutil.Process().children() if child not in others]
    left += [below for child in left for below in child.children(recursive=True)]
    for process in left:
        if process.is_running():
            process.send_signal(signal.SIGINT)
    _, still_there = psutil.wait_procs(left, timeout=_TO_END_S)
    # What a shell started in the background ignores SIGINT, and so does all that it starts.
    for process in still_there:
        process.kill()
    psutil.wait_procs(still_there)


def _cpu_of_ended() -> float:
    """Return the seconds of processors that ended descendants took."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
