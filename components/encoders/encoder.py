"""What an encoder does, whatever the model behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """Embeds pictures and texts into the same space; rows are L2-normalized float32."""

    name: str
    dim: int

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Return one row a picture: (len(images), dim)."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text: (len(texts), dim)."""
        ...


def normalized(vectors: NDArray[np.floating]) -> Vectors:
    """Return the rows scaled to length 1; a row of zeros stays one."""
    rows: Vectors = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vectors = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit
