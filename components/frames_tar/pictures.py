"""The file of a frame as a picture."""

from __future__ import annotations

import io

from PIL import Image

from components.records.frame_names import PILLOW_FORMATS


def opened(file: bytes) -> Image.Image:
    """Return the RGB picture of a frame's file."""
    return Image.open(io.BytesIO(file), formats=PILLOW_FORMATS).convert("RGB")
