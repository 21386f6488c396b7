"""How a frame is named: its file, and its id in the vector store."""

from __future__ import annotations

import re
import uuid

from components.base.picture_formats import FORMATS, Format

_ENDINGS = "|".join(known.ending for known in FORMATS.values())
_FRAME_FILE = re.compile(rf"[0-9]+_[0-9]+\.[0-9]{{2}}\.({_ENDINGS})")


def frame_file(number: int, second: float, kind: Format = "png") -> str:
    """Return the name of a frame's file."""
    return f"{number}_{second:.2f}.{FORMATS[kind].ending}"


def is_frame_file(name: str) -> bool:
    """Return whether a file's name is one that `frame_file` gives."""
    return _FRAME_FILE.fullmatch(name) is not None


def point_id(platform: str, code: str, number: int) -> str:
    """Return a frame's id in Qdrant: a UUID from SHA-1 (RFC 9562, version 5)."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{platform}/{code}/{number}"))
