"""Dual encoders that plain transformers knows: CLIP, SigLIP and their relatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModel, AutoProcessor

from components.base.vectors import Vectors
from components.encoders.device import Device
from components.encoders.encoder import Computed, normalized
from components.encoders.pixels import Inputs, PixelInputs
from components.encoders.scaling import Pixels, Scaling
from components.errors import ConfigurationError
from components.settings import EmbedSettings


def location(model: str) -> tuple[str, dict[str, str]]:
    """Return folder or hub id of a model, and the options with its revision where it has one."""
    if Path(model).expanduser().is_dir():
        return str(Path(model).expanduser()), {}
    name, _, revision = model.partition("@")
    return name, {"revision": revision} if revision else {}


def padding(config: Any) -> str | bool:
    """Return how a model's texts are padded: SigLIP is trained on texts of full length."""
    return "max_length" if "siglip" in config.model_type else True


def cannot_be_loaded(model: str, error: Exception) -> ConfigurationError:
    """Return the error for a model that transformers cannot load."""
    return ConfigurationError(
        f"CLIP_MODEL={model}: cannot be loaded ({str(error).splitlines()[0]}); set it to a "
        "folder with the model, or to packaged:conse"
    )


class DualEncoder:
    """A transformers model with `get_image_features` and `get_text_features`."""

    def __init__(self, name: str, settings: EmbedSettings) -> None:
        """
        Args:
            name: The identity that the vectors carry.
            settings: Their model is a folder, or a hub id with an optional @revision.

        Raises:
            ConfigurationError: the model cannot be loaded or is not a dual encoder.
        """
        self.name = name
        self._device = Device(settings)
        model = settings.model
        where, options = location(model)
        try:
            self._model: Any = AutoModel.from_pretrained(where, trust_remote_code=False, **options)
            self._processor: Any = AutoProcessor.from_pretrained(
                where, trust_remote_code=False, **options
            )
        except (OSError, ValueError, ImportError) as error:
            raise cannot_be_loaded(model, error) from error
        if not hasattr(self._model, "get_image_features"):
            raise ConfigurationError(
                f"CLIP_MODEL={model}: expected a model that embeds pictures and texts, found "
                f"{type(self._model).__name__}; CLIP and SigLIP models do"
            )
        try:
            self._pixels = PixelInputs(where, self._device.torch, **options)
        except (OSError, ValueError) as error:
            raise cannot_be_loaded(model, error) from error
        self._model.eval().to(self._device.torch)
        self._padding = padding(self._model.config)
        self.dim = self.embed_texts(["a photo"]).shape[1]
        if self._device.torch.type == "cuda":
            # The first pass takes a second more than others: for memory, and to load what computes.
            self.embed_images([Image.new("RGB", (64, 64))] * self.batch_size)

    @property
    def batch_size(self) -> int:
        return self._device.batch_size

    @property
    def scaling(self) -> Scaling | None:
        return self._pixels.scaling

    def preprocess(self, image: Image.Image) -> Inputs:
        """Return the model's inputs for one picture, each with a first dimension of 1."""
        return self._pixels.prepare(image)

    def of_pixels(self, pixels: Pixels) -> Inputs:
        return self._pixels.of_pixels(pixels)

    def begin(self, pictures: Sequence[Inputs]) -> Callable[[], Computed]:
        return self._device.in_batches(pictures, self._forward)

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        return self.begin([self.preprocess(image) for image in images])().rows

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        inputs = self._processor(
            text=list(texts), padding=self._padding, truncation=True, return_tensors="pt"
        )
        with torch.inference_mode(), self._device.precision():
            features = self._model.get_text_features(**inputs.to(self._device.torch))
        return normalized(_pooled(features).float().cpu().numpy())

    def _forward(self, pictures: Sequence[Inputs]) -> Callable[[], Computed]:
        batch = self._pixels.batch(pictures)
        return self._device.begin(lambda: _pooled(self._model.get_image_features(**batch)))


def _pooled(features: Any) -> Any:
    """Return the features as a tensor; from transformers 5 on they come inside an output object."""
    return getattr(features, "pooler_output", features)
