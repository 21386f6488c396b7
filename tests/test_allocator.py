"""Memory of a process with many threads."""

from __future__ import annotations

import subprocess
import sys

import pytest

ARENAS = """
import ctypes, sys, threading
from components.base.allocator import few_arenas

if sys.argv[1] == "few":
    few_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.open_memstream.restype = ctypes.c_void_p
all_at_once = threading.Barrier(16)

def take():
    all_at_once.wait()
    libc.malloc(1000)
    all_at_once.wait()

threads = [threading.Thread(target=take) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
told, size = ctypes.c_char_p(), ctypes.c_size_t()
stream = libc.open_memstream(ctypes.byref(told), ctypes.byref(size))
libc.malloc_info(0, ctypes.c_void_p(stream))
libc.fclose(ctypes.c_void_p(stream))
print(told.value.count(b"<heap "))
"""


def arenas(wanted: str, environment: dict[str, str]) -> int:
    """Return how many arenas of malloc there are after sixteen threads at once."""
    command = [sys.executable, "-c", ARENAS, wanted]
    return int(subprocess.check_output(command, env=environment))


@pytest.mark.skipif("sys.platform != 'linux'", reason="of glibc")
def test_threads_share_two_arenas() -> None:
    assert arenas("few", {}) == 2
    assert arenas("as they are", {}) > 2
    assert arenas("few", {"MALLOC_ARENA_MAX": "3"}) == 3
