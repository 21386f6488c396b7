"""Standard input, output and error: there, wherever a process is started."""

from __future__ import annotations

import os
import sys


def open_standard_streams() -> None:
    """Open those that whoever started the process closed, on nothing.

    Else what is opened next takes their numbers, and whatever a program that this one starts writes
    to its output ends up in it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free; programs that this one starts shall have it, too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    # Python has none of those that were closed when it started.
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
