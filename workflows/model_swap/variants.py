"""Pictures that a person would call the same, made from a frame: queries whose answer is known."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image, ImageOps

_KEPT = 0.7
_SHORT_SIDE = 240
_QUALITY = 30


def variants(picture: Image.Image) -> Iterator[tuple[str, Image.Image]]:
    """Yield the picture mirrored, its middle, and as a bad repost has it; each with its name."""
    yield "mirrored", ImageOps.mirror(picture)
    yield "cropped", _middle(picture)
    yield "recompressed", _recompressed(picture)


def _middle(picture: Image.Image) -> Image.Image:
    """Return the middle 70 % of either side."""
    width, height = picture.size
    left, top = round(width * (1 - _KEPT) / 2), round(height * (1 - _KEPT) / 2)
    return picture.crop((left, top, max(left + 1, width - left), max(top + 1, height - top)))


def _recompressed(picture: Image.Image) -> Image.Image:
    """Return it as a repost has it: 240 pixels in its short side, JPEG of quality 30."""
    scale = min(1.0, _SHORT_SIDE / min(picture.size))
    width, height = (max(1, round(side * scale)) for side in picture.size)
    written = io.BytesIO()
    picture.resize((width, height)).save(written, "JPEG", quality=_QUALITY)
    return Image.open(written).convert("RGB")
