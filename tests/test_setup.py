"""`make setup` on systems that are not supported: one sentence, and nothing is made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workflows.reference.tree import ROOT

pytestmark = pytest.mark.slow


def setup(folder: Path, disguise: str) -> subprocess.CompletedProcess[str]:
    """Run `make setup` with a Python that takes itself for another one."""
    python = folder / "python"
    python.write_text(
        f"#!{sys.executable}\nimport collections, platform, sys\n{disguise}\nexec(sys.argv[2])\n"
    )
    python.chmod(0o755)
    command = ["make", "setup", f"PYTHON={python}", f"VENV={folder / 'venv'}"]
    # Started by make, as the tests often are, another make would say so.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("disguise", "sentence"),
    [
        ("sys.version_info = (3, 10, 4)", "Python 3.11 to 3.14, found 3.10"),
        ("sys.version_info = (3, 15, 0)", "Python 3.11 to 3.14, found 3.15"),
        ("sys.platform = 'darwin'", "Linux with glibc"),
        ("sys.platform = 'win32'", "Linux with glibc"),
        ("platform.libc_ver = lambda: ('', '')", "Linux with glibc"),
        ("platform.machine = lambda: 'armv7l'", "x86_64 or aarch64, found armv7l"),
    ],
)
def test_what_is_not_supported_is_said_in_one_sentence(
    tmp_path: Path, disguise: str, sentence: str
) -> None:
    done = setup(tmp_path, disguise)
    said, make = done.stderr.strip().splitlines()
    assert done.returncode == 2
    assert sentence in said
    assert make.startswith("make: ***")
    assert not (tmp_path / "venv").exists()
