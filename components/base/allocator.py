"""How the C library shares out memory among threads."""

from __future__ import annotations

import ctypes
import os

# Of mallopt(3), in <malloc.h>.
_M_ARENA_MAX = -8
_ARENAS = 2


def few_arenas() -> None:
    """Have threads share two arenas of malloc, instead of eight for each core; call it early.

    What a thread has freed stays in its arena for the next one that is given it. So with every
    shard's new threads each arena comes to hold the most that any of them ever took, and a process
    of many threads grows for hours. What the environment says of arenas stays (MALLOC_ARENA_MAX),
    and where the C library has none, nothing is done.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt:
            mallopt(_M_ARENA_MAX, _ARENAS)
