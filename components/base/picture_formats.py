"""The formats that the pictures of frames are stored in."""

from __future__ import annotations

from typing import Literal, NamedTuple

Format = Literal["png", "webp", "jpeg"]


class Known(NamedTuple):
    """What is known of a format: the ending of its files, and its names in HTTP and in Pillow."""

    ending: str
    content_type: str
    pillow: str


FORMATS: dict[Format, Known] = {
    "png": Known("png", "image/png", "PNG"),
    "webp": Known("webp", "image/webp", "WEBP"),
    "jpeg": Known("jpg", "image/jpeg", "JPEG"),
}
# What a frame is opened as, and nothing else.
PILLOW_FORMATS = tuple(known.pillow for known in FORMATS.values())
