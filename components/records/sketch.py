"""The difference hash of a frame, from its sketch."""

from __future__ import annotations

from base64 import b64decode
from itertools import pairwise

_WIDTH, _HEIGHT = 9, 8


def is_sketch(text: str) -> bool:
    """Return whether the text is a sketch: 72 bytes in base64."""
    try:
        return len(b64decode(text, validate=True)) == _WIDTH * _HEIGHT
    except ValueError:
        return False


def dhash(sketch: str) -> str:
    """Return the dHash of a sketch, 64 bits as 16 hexadecimal digits; empty for an empty sketch.

    A bit is set where a pixel is lighter than the one left of it, row by row from the top left
    (Krawetz 2013), as imagehash writes it.

    Args:
        sketch: 9 × 8 grey pixels, row by row, in base64.
    """
    if not sketch:
        return ""
    grey = b64decode(sketch)
    rows = (grey[start : start + _WIDTH] for start in range(0, _WIDTH * _HEIGHT, _WIDTH))
    bits = 0
    for row in rows:
        for left, right in pairwise(row):
            bits = bits << 1 | (right > left)
    return f"{bits:016x}"
