"""What a file seems to be that is given as a picture, and is not one that can be read."""

from __future__ import annotations

STARTS_WITHIN = 12
UNKNOWN = "something else"
# Brands of HEIC and AVIF, which lie in the container of MP4.
_PICTURES_IN_MP4 = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")


def looks_like(start: bytes) -> str:
    """Return what a file seems to be that is not a picture which can be read, by its start."""
    if start[4:8] == b"ftyp":
        return "HEIC or AVIF" if start[8:STARTS_WITHIN] in _PICTURES_IN_MP4 else "a video"
    # Matroska, WebM, AVI.
    if start.startswith(b"\x1aE\xdf\xa3") or start[8:STARTS_WITHIN] == b"AVI ":
        return "a video"
    return UNKNOWN
