"""What a model sees of a picture, apart from the model: scaled by Pillow, and a part of it at most.

So whoever has a picture in memory can hand on what a model is to see of it, and the model's process
need not read the picture's file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.base.model_names import PACKAGED

Pixels = NDArray[np.uint8]

# The longest side of a picture, in its shortest, that a model gets to see.
_NARROWEST = 16


class Scaling(Protocol):
    """Makes of an RGB picture of any size what a model takes, but for the scale of its values.

    Two that are equal give equal pixels. `size` is the width and height of what it makes.
    """

    @property
    def size(self) -> tuple[int, int]: ...

    def __call__(self, image: Image.Image) -> Pixels:
        """Return the picture as (height, width, 3) RGB uint8; safe to call from several threads."""
        ...


@dataclass(frozen=True)
class MiddleSquare:
    """The square in the middle, `part` of the shorter side wide, scaled to `side` pixels."""

    side: int
    part: float
    resample: Image.Resampling

    @property
    def size(self) -> tuple[int, int]:
        return self.side, self.side

    def __call__(self, image: Image.Image) -> Pixels:
        width, height = image.size
        side = self.part * min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        return np.asarray(image.resize(self.size, self.resample, box=box), np.uint8)


@dataclass(frozen=True)
class ShorterSide:
    """The shorter side scaled to `shorter` pixels, then the middle cut out: `size`."""

    shorter: int
    size: tuple[int, int]
    resample: Image.Resampling

    def __call__(self, image: Image.Image) -> Pixels:
        width, height = image.size
        long = int(self.shorter * max(width, height) / min(width, height))
        target = (self.shorter, long) if width <= height else (long, self.shorter)
        left, top = (target[0] - self.size[0]) // 2, (target[1] - self.size[1]) // 2
        middle = (left, top, left + self.size[0], top + self.size[1])
        return np.asarray(image.resize(target, self.resample).crop(middle), np.uint8)


@dataclass(frozen=True)
class Whole:
    """All of the picture in `size`, whatever its shape."""

    size: tuple[int, int]
    resample: Image.Resampling

    def __call__(self, image: Image.Image) -> Pixels:
        return np.asarray(image.resize(self.size, self.resample), np.uint8)


# The packaged model's classifier was evaluated on the middle of the picture, 224 pixels of 256.
PACKAGED_SCALING = MiddleSquare(224, 224 / 256, Image.Resampling.BICUBIC)


def known_scaling(model: str) -> Scaling | None:
    """Return a model's scaling where that is known without loading it."""
    return PACKAGED_SCALING if model == PACKAGED else None


def of_fair_shape(picture: Image.Image) -> Image.Image:
    """Return the middle of a picture that is all too narrow, others as they are.

    Models want a square, most the one in the middle, the picture's short side scaled to its own:
    of 65535 × 8 pixels that makes a picture of gigabytes.
    """
    width, height = picture.size
    longest = _NARROWEST * min(width, height)
    if max(width, height) <= longest:
        return picture
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return picture.crop((left, top, width - left, height - top))
