"""Local copies of S3 objects, so that phases of one process do not fetch the same one again."""

from __future__ import annotations

import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from components.base.scratch import Scratch
from components.stores.checksums import NOTHING, Expected
from components.stores.s3 import Store


@dataclass
class _Copy:
    folder: Path
    name: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    size: int | None = None  # None until it is there
    users: int = 0

    @property
    def path(self) -> Path:
        return self.folder / self.name


class Copies:
    """Files on disk, the last used of them up to `capacity` bytes; safe to share between threads.

    With a capacity of 0 a copy goes as soon as nobody uses it.
    """

    def __init__(self, store: Store, scratch: Scratch, capacity: int) -> None:
        self._store, self._scratch, self._capacity = store, scratch, capacity
        self._copies: OrderedDict[tuple[str, str], _Copy] = OrderedDict()
        self._held = 0
        self._unsent: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, uri: str, version: str, name: str, expected: Expected = NOTHING) -> Iterator[Path]:
        """Give a local copy of an object, alone in its folder under `name`.

        Args:
            version: Tells apart what lies at `uri` at different times.
            expected: What is known of the object.

        Raises:
            NotFoundError, ConfigurationError, TransientError: as `Store.download`.
        """
        copy = self._borrowed((uri, version), name)
        try:
            with copy.lock:
                if copy.size is None:
                    self._store.download(uri, copy.path, expected)
                    self._filled(copy)
            yield copy.path
        finally:
            self._returned((uri, version), copy)

    def keep(self, uri: str, version: str, path: Path, *, unsent: bool = False) -> bool:
        """Take over a file that was just sent to `uri`; it may be gone from `path` afterwards.

        Args:
            unsent: It was not sent, so it has to stay until `is_stored` says that it may go.

        Returns:
            Whether it was taken: there is no room for one that has to stay, or for any.
        """
        with self._lock:
            held = sum(
                self._copies[key].size or 0 for key in self._copies if key[0] in self._unsent
            )
            if not self._capacity or (unsent and held + path.stat().st_size > self._capacity):
                return False
            if unsent:
                self._unsent.add(uri)
        copy = self._borrowed((uri, version), path.name)
        with copy.lock:
            if copy.size is None:
                path.replace(copy.path)
                self._filled(copy)
        self._returned((uri, version), copy)
        return True

    @contextmanager
    def last_use(self, uri: str, version: str) -> Iterator[Path | None]:
        """Give a copy that was kept, None if it is not here, and remove it afterwards."""
        key = uri, version
        with self._lock:
            copy = self._copies.get(key)
            if copy:
                copy.users += 1
        try:
            yield copy.path if copy else None
        finally:
            if copy:
                with self._lock:
                    copy.users -= 1
                    if not copy.users:
                        self._remove(key)

    @property
    def unsent(self) -> frozenset[str]:
        """What lies nowhere but here."""
        with self._lock:
            return frozenset(self._unsent)

    def is_stored(self, uri: str) -> None:
        """Take note that what was kept unsent is stored, whole or in parts."""
        with self._lock:
            self._unsent.discard(uri)

    def _borrowed(self, key: tuple[str, str], name: str) -> _Copy:
        with self._lock:
            copy = self._copies.get(key)
            if copy is None:
                copy = self._copies[key] = _Copy(self._scratch.new_folder(), name)
            copy.users += 1
            self._copies.move_to_end(key)
            return copy

    def _filled(self, copy: _Copy) -> None:
        with self._lock:
            copy.size = copy.path.stat().st_size
            self._held += copy.size

    def _returned(self, key: tuple[str, str], copy: _Copy) -> None:
        with self._lock:
            copy.users -= 1
            if copy.size is None and not copy.users:
                self._remove(key)
            while self._held > self._capacity and (idle := self._longest_idle()):
                self._remove(idle)

    def _longest_idle(self) -> tuple[str, str] | None:
        idle = (key for key, copy in self._copies.items() if not copy.users)
        return next((key for key in idle if key[0] not in self._unsent), None)

    def _remove(self, key: tuple[str, str]) -> None:
        copy = self._copies.pop(key)
        self._held -= copy.size or 0
        shutil.rmtree(copy.folder, ignore_errors=True)
