"""The text side of ConSE: MiniLM's vectors, less the mean of all class names.

`components.encoders.conse` says what for. A search for a text needs no more than this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from components.base.vectors import Vectors
from components.encoders.conse_labels import label_vectors
from components.encoders.encoder import normalized
from components.encoders.minilm import SentenceEncoder

if TYPE_CHECKING:
    from components.settings import EmbedSettings


class ConseTextEncoder:
    """all-MiniLM-L6-v2 in the space of ConSE's pictures: 384 dimensions, on ONNX Runtime."""

    def __init__(self, name: str, settings: EmbedSettings) -> None:
        """
        Raises:
            ConfigurationError: the package with the weights is not installed.
        """
        self.name = name
        self._sentences = SentenceEncoder(settings.threads)
        self._mean = label_vectors().mean(axis=0)
        self.dim = len(self._mean)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return normalized(self._sentences.embed(texts) - self._mean)
