"""Pictures that wait to be embedded, and how a thread makes of them what the model takes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from components.base.picture_formats import PILLOW_FORMATS
from components.encoders.encoder import Encoder, ModelInput
from components.encoders.scaling import Pixels, of_fair_shape


@dataclass(frozen=True)
class Lot:
    """Pictures that a thread prepares at once; `prepare` makes of them what the model takes."""

    count: int
    prepare: Callable[[Encoder], Sequence[ModelInput]]


def of_file(read: Callable[[], bytes]) -> Lot:
    """Return the picture whose file `read` gives."""

    def prepare(encoder: Encoder) -> list[ModelInput]:
        with Image.open(io.BytesIO(read()), formats=PILLOW_FORMATS) as picture:
            fair = of_fair_shape(picture)
            # Pillow would copy what has the mode already.
            whole = fair if fair.mode == "RGB" else fair.convert("RGB")
            whole.load()
            return [encoder.preprocess(whole)]

    return Lot(1, prepare)


def of_pixels(pixels: Sequence[Pixels]) -> Lot:
    """Return the pictures that the encoder's scaling made `pixels` of.

    To pass each from thread to thread takes longer than to prepare it.
    """
    return Lot(len(pixels), lambda encoder: [encoder.of_pixels(each) for each in pixels])
