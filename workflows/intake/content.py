"""Tells a video's file from another by its first bytes: nothing is decoded, nothing opened twice.

A first look only, to choose what is copied: fetch judges what a file really is.
"""

from __future__ import annotations

from pathlib import Path

# As file(1) knows them: what the container begins with.
_MAGIC = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"FLV\x01",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"OggS",
    b"GIF87a",
    b"GIF89a",
)
# ISO base media files (ISO/IEC 14496-12) begin with one of these boxes, QuickTime's older ones too.
_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"free", b"pnot"}
# Brands of the same container that are sound, pictures or raw photographs.
_OTHER_BRANDS = {b"M4A ", b"M4B ", b"heic", b"heix", b"heim", b"mif1", b"avif", b"jp2 ", b"crx "}
_TS_PACKET = 188
_M2TS_PACKET = 192
_SYNC = 0x47
_HEAD_BYTES = 4 * _M2TS_PACKET


def looks_like_video(path: Path) -> bool:
    """Return whether the file begins as a video does.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return True
    if head[4:8] in _BOXES:
        return head[4:8] != b"ftyp" or head[8:12] not in _OTHER_BRANDS
    return _is_transport_stream(head)


def _is_transport_stream(head: bytes) -> bool:
    """Return whether packets of MPEG-TS follow each other; a camera's carry 4 bytes more each."""
    for packet, start in ((_TS_PACKET, 0), (_M2TS_PACKET, 4)):
        syncs = head[start::packet]
        if len(syncs) >= 3 and set(syncs[:3]) == {_SYNC}:
            return True
    return False
