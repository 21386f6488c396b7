"""What to type to install an extra, wherever the program was installed from."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from components.base.typed_paths import typed_path

_ROOT = Path(__file__).resolve().parents[2]


def install_line(extra: str) -> str:
    """Return the command that adds the packages of an extra to the Python that runs this."""
    lock = _ROOT / "constraints.txt"
    if not lock.exists():
        return shlex.join([typed_path(sys.executable), "-m", "pip", "install", f"oriane[{extra}]"])
    # From a checkout, at the versions of its lock.
    pinned = ["-c", typed_path(lock), f"{typed_path(_ROOT)}[{extra}]"]
    return shlex.join([typed_path(sys.executable), "-m", "pip", "install", *pinned])
