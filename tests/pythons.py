"""Proves README's two commands on fresh machines: python -m tests.pythons --help

A machine is a Debian root that debootstrap makes, in which an ordinary user clones the project and
types `make demo` and `make test`; or this system with another interpreter. What came of it is kept
in docs/pythons.json, from which `make docs` renders the first lines of README. Needs nothing but
Python, git and, for a root, debootstrap and the right to use it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "pythons.json"
_USER = "newcomer"
_PACKAGES = "python3,python3-venv,make,git,ca-certificates"
# What a root needs of this system to know itself, and to reach the package index as this one does.
_NETWORK_FILES = (
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/pip.conf",
    "/etc/ssl/certs/ca-certificates.crt",
)
_NETWORK_VARIABLES = re.compile(r"(?i)PIP_(?!FIND_LINKS)|SSL_CERT_|REQUESTS_CA_|.*_PROXY")
_CLOSING_LINE = re.compile(r"=+ (.* in [\d.]+s.*) =+")


class Machine(ABC):
    """A place in which the project is cloned, set up, demonstrated and tested."""

    name: str

    @abstractmethod
    def clone(self) -> None:
        """Have the last commit there, and nothing else."""

    @abstractmethod
    def run(self, command: str) -> str:
        """Run a command in the clone, as an ordinary user; return what it says."""


class Interpreter(Machine):
    """This system, with another Python."""

    def __init__(self, python: str, folder: Path) -> None:
        self._python, self._folder = python, folder / "oriane"
        self.name = _system(Path("/"))

    def clone(self) -> None:
        _do("git", "clone", "--quiet", ROOT, self._folder)

    def run(self, command: str) -> str:
        kept = {k: v for k, v in os.environ.items() if k != "PIP_FIND_LINKS"}
        return _told(command, cwd=self._folder, env={**kept, "PYTHON": self._python})


class DebianRoot(Machine):
    """A Debian of its own in a folder, made by debootstrap."""

    def __init__(self, suite: str, folder: Path) -> None:
        self._root = folder / suite
        if not (self._root / "etc/os-release").exists():
            _do("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", suite, self._root)
        self.name = _system(self._root)

    def clone(self) -> None:
        for file in filter(os.path.exists, _NETWORK_FILES):
            shutil.copy(file, f"{self._root}{file}")
        if _USER not in (self._root / "etc/passwd").read_text():
            _do("chroot", self._root, "useradd", "--create-home", _USER)
        home = self._root / "home" / _USER
        shutil.rmtree(home / "oriane", ignore_errors=True)
        _do("git", "clone", "--quiet", "--no-local", ROOT, home / "oriane")
        _do("chroot", self._root, "chown", "--recursive", f"{_USER}:", f"/home/{_USER}")

    def run(self, command: str) -> str:
        home = f"/home/{_USER}"
        variables = {"HOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "USER": _USER}
        variables |= {k: v for k, v in os.environ.items() if _NETWORK_VARIABLES.fullmatch(k)}
        given = [f"{name}={value}" for name, value in variables.items()]
        inside = ["chroot", f"--userspec={_USER}:{_USER}", str(self._root), "env", "-i", *given]
        with self._mounted():
            return _told(*inside, "bash", "-c", f"cd {home}/oriane && {command}")

    @contextmanager
    def _mounted(self) -> Iterator[None]:
        with ExitStack() as mounts:
            for place in ("proc", "dev"):
                _do("mount", "--rbind", f"/{place}", self._root / place)
                _do("mount", "--make-rslave", self._root / place)
                mounts.callback(_do, "umount", "--recursive", self._root / place)
            yield


def prove(machine: Machine) -> dict[str, object]:
    """Type README's two commands, and return what came of them."""
    machine.clone()
    print(f"{machine.name}: make demo", flush=True)
    cold_s = _seconds(machine, "make demo")
    size_mb = machine.run("du -sm .venv").split()[0]
    warm_s = _seconds(machine, "rm -rf .venv data && make demo")
    print(f"{machine.name}: make test", flush=True)
    said = machine.run("make test || true")
    closing = _CLOSING_LINE.search(said)
    if not closing or "failed" in closing[1] or "error" in closing[1]:
        raise SystemExit(f"{said[-5000:]}\n{machine.name}: make test did not pass")
    return {
        "system": machine.name,
        "python": machine.run(".venv/bin/python --version").split()[1],
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "demo_from_nothing_s": cold_s,
        "demo_with_pip_cache_s": warm_s,
        "demo_environment_mb": int(size_mb),
        "tests": closing[1],
    }


def _seconds(machine: Machine, command: str) -> int:
    start = time.monotonic()
    said = machine.run(command)
    if "contact sheet: " not in said:
        raise SystemExit(f"{said[-5000:]}\n{machine.name}: {command} drew no contact sheet")
    return round(time.monotonic() - start)


def _system(root: Path) -> str:
    text = (root / "etc/os-release").read_text()
    found = re.search(r'^PRETTY_NAME="(.*)"$', text, re.MULTILINE)
    return found[1].replace(" GNU/Linux", "") if found else "Linux"


def _do(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def _told(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    whole = list(command) if len(command) > 1 else ["bash", "-c", *command]
    done = subprocess.run(
        whole, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{done.stdout[-5000:]}\n{command[-1]} ended with {done.returncode}")
    return done.stdout


def _kept(results: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return the results with those of earlier days for machines that were not tried now."""
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    known = {(str(one["system"]), str(one["python"])[:4]): one for one in [*before, *results]}
    return [known[key] for key in sorted(known, key=lambda key: (key[1], key[0]))]


def main() -> None:
    """Prove each machine that the arguments name, and keep the results."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.pythons",
        description="Run README's two commands on fresh machines and keep the results in "
        "docs/pythons.json.",
        epilog="example: make test-pythons ARGS='--debian trixie --debian sid --python python3.12'",
    )
    parser.add_argument(
        "--debian", action="append", default=[], metavar="SUITE",
        help="a root made by debootstrap, as root (default, where no --python is given: trixie)",
    )  # fmt: skip
    parser.add_argument(
        "--python", action="append", default=[], metavar="PATH",
        help="an interpreter, on this system",
    )  # fmt: skip
    parser.add_argument(
        "--folder", type=Path, metavar="DIR",
        help="where roots are made and kept for the next time (default: nowhere)",
    )  # fmt: skip
    options = parser.parse_args()
    suites = options.debian or ([] if options.python else ["trixie"])
    if suites and os.geteuid():
        sys.exit("debootstrap and chroot need root; or give --python for this system alone")
    with TemporaryDirectory() as temporary:
        folder: Path = options.folder or Path(temporary)
        results = [prove(DebianRoot(suite, folder)) for suite in suites]
        for number, python in enumerate(options.python):
            results.append(prove(Interpreter(python, Path(temporary) / str(number))))
    RESULTS.write_text(json.dumps(_kept(results), indent=1) + "\n")
    print(f"written: {RESULTS.relative_to(ROOT)}; make docs renders it into README")


if __name__ == "__main__":
    main()
