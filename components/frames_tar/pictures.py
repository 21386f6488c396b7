"""The file of a frame as a picture."""

from __future__ import annotations

import io

from PIL import Image

from components.base.picture_formats import PILLOW_FORMATS


def opened(file: bytes) -> Image.Image:
    """Return the RGB picture of a frame's file.

    Raises:
        OSError: it is not a picture, or damaged.
    """
    return Image.open(io.BytesIO(file), formats=PILLOW_FORMATS).convert("RGB")
