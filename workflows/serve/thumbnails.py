"""Thumbnails of published frames: WebP, made once, kept on disk up to a bound."""

from __future__ import annotations

import io
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from PIL import Image

from components.base.picture_formats import PILLOW_FORMATS
from components.errors import DamagedObjectError

_QUALITY = 75
# Below the bound by so much after files were removed, so that not every new one removes another.
_LEFT = 0.9


class Thumbnails:
    """The cache; safe to share between threads, and by one process at a time.

    What it loses is made again: a file that cannot be written costs nothing but the next request.
    """

    def __init__(self, folder: Path, most_bytes: int, most_pixels: int) -> None:
        self._folder, self._most, self._most_pixels = folder, most_bytes, most_pixels
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        self.made = self.reused = 0
        folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.glob("*.part"):
            unfinished.unlink(missing_ok=True)
        found = [(path.stat(), path.name) for path in folder.glob("*.webp")]
        found.sort(key=lambda one: one[0].st_mtime)
        # Name and size, the least lately used first.
        self._files = OrderedDict((name, stat.st_size) for stat, name in found)
        self.bytes = sum(self._files.values())

    def get(self, key: str, size: int, original: Callable[[], bytes]) -> bytes:
        """Return the thumbnail whose longer side is `size` pixels, or the frame's if that is less.

        Args:
            key: Names the frame's content, so that another content is another thumbnail.
            original: Returns the frame's file; called where there is no thumbnail yet.
        """
        name = _name(key, size)
        with self._lock:
            making = self._making.setdefault(name, threading.Lock())
        try:
            with making:
                return self._read(name) or self._write(name, self._made(original(), size))
        finally:
            with self._lock:
                if not making.locked():
                    self._making.pop(name, None)

    def known(self, key: str, size: int) -> bytes | None:
        """Return the thumbnail if it was made already."""
        return self._read(_name(key, size))

    def _read(self, name: str) -> bytes | None:
        with self._lock:
            if name not in self._files:
                return None
            self._files.move_to_end(name)
            self.reused += 1
        try:
            path = self._folder / name
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            self._forget(name)
            return None
        return content

    def _made(self, content: bytes, size: int) -> bytes:
        try:
            with Image.open(io.BytesIO(content), formats=PILLOW_FORMATS) as picture:
                if picture.width * picture.height > self._most_pixels:
                    raise DamagedObjectError("a frame has more pixels than VP_MAX_PIXELS")
                small = picture.convert("RGB")
        except (OSError, SyntaxError, ValueError) as error:
            raise DamagedObjectError(f"a published frame is not a picture ({error})") from error
        small.thumbnail((size, size), Image.Resampling.LANCZOS)
        target = io.BytesIO()
        small.save(target, "WEBP", quality=_QUALITY, method=4)
        return target.getvalue()

    def _write(self, name: str, content: bytes) -> bytes:
        with self._lock:
            self.made += 1
        part = self._folder / f"{name}.{secrets.token_hex(4)}.part"
        try:
            part.write_bytes(content)
            part.replace(self._folder / name)
        except OSError:
            # No space left, or the folder is gone: the picture is there all the same.
            part.unlink(missing_ok=True)
            return content
        with self._lock:
            self._files[name] = len(content)
            self.bytes += len(content)
            if self.bytes > self._most:
                self._make_room()
        return content

    def _make_room(self) -> None:
        while self._files and self.bytes > _LEFT * self._most:
            name, size = self._files.popitem(last=False)
            self.bytes -= size
            (self._folder / name).unlink(missing_ok=True)

    def _forget(self, name: str) -> None:
        with self._lock:
            self.bytes -= self._files.pop(name, 0)


def _name(key: str, size: int) -> str:
    return f"{sha256(f'{size} {key}'.encode()).hexdigest()}.webp"
