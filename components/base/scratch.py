"""Temporary files that do not outlive their process, not even one that was killed.

Every process works in a folder of its own, beside a lock file that the kernel unlocks when the
process ends. Whoever starts next removes the folders whose lock nobody holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from components.errors import ConfigurationError

_PREFIX = "oriane-"


class Scratch:
    """This process's temporary folder below `base`; a folder of this user's where None.

    Raises:
        ConfigurationError: somebody else has taken the name of that folder.
    """

    def __init__(self, base: Path | None = None) -> None:
        self._base = base or _own_folder()
        self._base.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned()
        self._lock, self._lock_path = self._new_lock()
        self.path = self._lock_path.with_suffix("")
        self.path.mkdir()

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Give a new folder, and remove it and its content on exit."""
        path = self.new_folder()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def new_folder(self) -> Path:
        """Return a new folder, which is the caller's to remove."""
        return Path(tempfile.mkdtemp(dir=self.path))

    def close(self) -> None:
        """Remove everything and release the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock_path.unlink(missing_ok=True)
        os.close(self._lock)

    def _new_lock(self) -> tuple[int, Path]:
        while True:
            descriptor, name = tempfile.mkstemp(prefix=_PREFIX, suffix=".lock", dir=self._base)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Another process may have taken the file for abandoned before it was locked.
            if os.fstat(descriptor).st_nlink:
                return descriptor, Path(name)
            os.close(descriptor)

    def _remove_abandoned(self) -> None:
        for path in self._base.glob(f"{_PREFIX}*.lock"):
            with suppress(OSError), _opened(path) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)


def _own_folder() -> Path:
    """Return a folder below the system's for temporary files, which only this user may change.

    In one for all, others could put something in the place of a lock that makes every start wait.
    """
    path = Path(tempfile.gettempdir()) / f"{_PREFIX}{os.getuid()}"
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not mine or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigurationError(
            f"{path}: expected a folder that only this user may write to, found something else; "
            "remove it, or set VP_SCRATCH_DIR (or TMPDIR) to a folder of your own"
        )
    return path


def _opened(path: Path) -> IO[str]:
    """Open a lock's file; anything else that has its name is not waited for, nor followed.

    Raises:
        OSError: it is something else.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a file")
    return os.fdopen(descriptor)
