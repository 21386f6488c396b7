"""What the model takes of the CPU."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from components.base.vectors import Vectors
from components.encoders.encoder import Encoder, ModelInput

if TYPE_CHECKING:
    from PIL import Image


class MeteredEncoder:
    """An encoder that counts the pictures it embeds, and the process's CPU seconds meanwhile.

    Those are of all threads, the ones that prepare the next pictures among them.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.dim = encoder.name, encoder.dim
        self._pictures, self._cpu_s = 0, 0.0

    @property
    def batch_size(self) -> int:
        """How many pictures a forward pass takes."""
        return self._encoder.batch_size

    def preprocess(self, image: Image.Image) -> ModelInput:
        """Return the picture as the model takes it."""
        return self._encoder.preprocess(image)

    def embed(self, pictures: Sequence[ModelInput]) -> Vectors:
        """Return one row a preprocessed picture: (len(pictures), dim)."""
        start = time.process_time()
        rows = self._encoder.embed(pictures)
        self._cpu_s += time.process_time() - start
        self._pictures += len(pictures)
        return rows

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Return one row a picture: (len(images), dim)."""
        return self._encoder.embed_images(images)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text: (len(texts), dim)."""
        return self._encoder.embed_texts(texts)

    def cpu_seconds(self, pictures: int) -> float:
        """Return what so many pictures took, as the mean of all so far."""
        return self._cpu_s / self._pictures * pictures if self._pictures else 0.0
