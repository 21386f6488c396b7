"""What to type to install an extra, wherever the program was installed from."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def install_line(extra: str) -> str:
    """Return the command that adds the packages of an extra to the Python that runs this."""
    lock = _ROOT / "constraints.txt"
    if not lock.exists():
        return shlex.join([_shown(sys.executable), "-m", "pip", "install", f"oriane[{extra}]"])
    project = f"{_shown(_ROOT)}[{extra}]"
    # From a checkout, at the versions of its lock.
    return shlex.join([_shown(sys.executable), "-m", "pip", "install", "-c", _shown(lock), project])


def _shown(path: str | Path) -> str:
    """Return the path as short as it can be typed from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
