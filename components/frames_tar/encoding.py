"""Pictures as files of the formats that frames have, and as sketches."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.base.picture_formats import Format
from components.frames_tar import png
from components.frames_tar.lossy import WEBP_MAX_SIDE, jpeg, webp
from components.records.videos import SKETCH_SIZE


def fitting(kind: Format, width: int, height: int) -> Format:
    """Return the format that a picture of this size can have: PNG where it is too large for it."""
    return "png" if kind == "webp" and max(width, height) > WEBP_MAX_SIDE else kind


def encoded(picture: NDArray[np.uint8], kind: Format, quality: int) -> bytes:
    """Return the file of an RGB picture of shape (height, width, 3)."""
    return _ENCODERS[kind](picture, quality)


_ENCODERS: dict[Format, Callable[[NDArray[np.uint8], int], bytes]] = {
    "png": lambda picture, _: png.encoded(picture),
    "webp": webp,
    "jpeg": jpeg,
}


def sketch(picture: Image.Image) -> str:
    """Return an RGB picture as imagehash reduces it for a dHash of 64 bits (see `Frame.sketch`)."""
    grey = picture.convert("L").resize(SKETCH_SIZE, Image.Resampling.LANCZOS)
    return b64encode(grey.tobytes()).decode()
