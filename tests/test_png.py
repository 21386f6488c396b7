"""The PNG writer, read back by another library."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from components.frames_tar.png import encoded


@given(
    arrays(np.uint8, (7, 40, 3))
    | arrays(np.uint8, (1, 1, 3))
    | arrays(np.uint8, (40, 2, 3))
    | arrays(np.uint8, (2, 1, 3))
)
def test_gives_back_every_pixel(picture: NDArray[np.uint8]) -> None:
    with Image.open(io.BytesIO(encoded(picture))) as image:
        image.verify()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encoded(picture)))), picture)
