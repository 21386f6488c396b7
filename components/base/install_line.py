"""What to type to install an extra, wherever the program was installed from."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from components.base.typed_paths import typed_path

_ROOT = Path(__file__).resolve().parents[2]


def install_line(extra: str) -> str:
    """Return the command that adds the packages of an extra to the Python that runs this."""
    lock = _ROOT / "constraints.txt"
    if lock.exists():
        # From a checkout, at the versions of its lock.
        what = ["-c", typed_path(lock), f"{typed_path(_ROOT)}[{extra}]"]
    else:
        what = [f"oriane[{extra}]{_origin()}"]
    return shlex.join([typed_path(sys.executable), "-m", "pip", "install", *what])


def _origin() -> str:
    """Return where pip had the program from (PEP 610): an index may know another by its name."""
    try:
        known = distribution("oriane").read_text("direct_url.json")
    except PackageNotFoundError:
        known = None
    if known is None:
        return ""
    origin = json.loads(known)
    vcs = origin.get("vcs_info")
    return f" @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}" if vcs else f" @ {origin['url']}"
