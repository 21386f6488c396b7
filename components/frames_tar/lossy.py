"""Frames as WebP or JPEG, which are a tenth of the size of PNG and not every pixel of it."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Of WebP's efforts, 0 to 6: about 20 ms for a picture of 720p.
_WEBP_METHOD = 2
# What a WebP file can hold (RFC 9649, section 2.6), in pixels a side.
WEBP_MAX_SIDE = 16383


def webp(picture: NDArray[np.uint8], quality: int) -> bytes:
    """Return the lossy WebP file of an RGB picture of shape (height, width, 3)."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", quality=quality, method=_WEBP_METHOD)
    return file.getvalue()


def jpeg(picture: NDArray[np.uint8], quality: int) -> bytes:
    """Return the baseline JPEG file of an RGB picture of shape (height, width, 3)."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return file.getvalue()
