"""How a frame is named: its file, and its id in the vector store."""

from __future__ import annotations

import re
import uuid
from typing import Literal

Format = Literal["png", "webp", "jpeg"]

ENDINGS: dict[Format, str] = {"png": "png", "webp": "webp", "jpeg": "jpg"}
CONTENT_TYPES: dict[Format, str] = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}
# The formats by Pillow's names: what a frame is opened as, and nothing else.
PILLOW_FORMATS = ("PNG", "WEBP", "JPEG")

_FRAME_FILE = re.compile(rf"[0-9]+_[0-9]+\.[0-9]{{2}}\.({'|'.join(ENDINGS.values())})")


def frame_file(number: int, second: float, kind: Format = "png") -> str:
    """Return the name of a frame's file."""
    return f"{number}_{second:.2f}.{ENDINGS[kind]}"


def is_frame_file(name: str) -> bool:
    """Return whether a file's name is one that `frame_file` gives."""
    return _FRAME_FILE.fullmatch(name) is not None


def point_id(platform: str, code: str, number: int) -> str:
    """Return a frame's id in Qdrant: a UUID from SHA-1 (RFC 9562, version 5)."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{platform}/{code}/{number}"))
