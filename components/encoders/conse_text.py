"""The text side of ConSE: MiniLM's vectors, less the mean of all class names.

`components.encoders.conse` says what for. A search for a text needs no more than this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from components.base.vectors import Vectors
from components.encoders.conse_labels import label_vectors
from components.encoders.encoder import Reach, normalized
from components.encoders.minilm import SentenceEncoder

if TYPE_CHECKING:
    from components.settings import EmbedSettings

# A text that no class name is as like as this means nothing to the model: another language, a typo,
# "the". Measured by its own reach, the noise in its scores would be blown up.
_LEAST_LIKENESS = 0.35
# By logistic regression, cross-validated: benchmarks/answers/reach.py.
REACH_EXPONENT = 0.7


class ConseTextEncoder:
    """all-MiniLM-L6-v2 in the space of ConSE's pictures: 384 dimensions, on ONNX Runtime."""

    def __init__(self, name: str, settings: EmbedSettings) -> None:
        """
        Raises:
            ConfigurationError: the package with the weights is not installed.
        """
        self.name = name
        # A question is short: a second thread would take half as much CPU again, and save no time.
        self._sentences = SentenceEncoder(settings.threads or 1)
        labels = label_vectors()
        self._mean = labels.mean(axis=0)
        # Of the class names: (1000, 384).
        self.classes = normalized(labels - self._mean)
        self.dim = len(self._mean)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return normalized(self._sentences.embed(texts) - self._mean)

    def reach(self, texts: Vectors) -> Reach:
        """Return how high a picture of each text may score.

        A picture's vector is a mean of class names' vectors. So one of a cat, which is a class, may
        come near "a cat", and one of what has no class, as an election, near nothing.
        """
        nearest = self.nearest_class(texts)
        most: Vectors = nearest ** np.float32(REACH_EXPONENT)
        return Reach(most, nearest > np.float32(_LEAST_LIKENESS))

    def nearest_class(self, texts: Vectors) -> Vectors:
        """Return how like the nearest class name each text is, a cosine of 0.35 at least: (n,)."""
        nearest: Vectors = (texts @ self.classes.T).max(axis=1)
        return np.clip(nearest, _LEAST_LIKENESS, 1.0)
