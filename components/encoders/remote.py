"""Models that bring their own code, from the allow list only, every file pinned by commit.

The pinned repositories are copied into a cache of their own whose "main" is the pin, and the
model is loaded from there offline. So what the model's code asks for by name without a commit
resolves to the pin as well, and nothing that the hub serves today is ever run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from PIL import Image

from components.base.model_names import PinnedRepository, RemoteModel
from components.base.vectors import Vectors
from components.encoders.encoder import Computed, normalized
from components.encoders.scaling import Pixels
from components.errors import ConfigurationError
from components.settings import EmbedSettings


class RemoteEncoder:
    """A model with `encode_image` and `encode_text`, truncated to `dim` and then normalized."""

    scaling = None

    def __init__(self, name: str, model: RemoteModel, settings: EmbedSettings) -> None:
        """
        Raises:
            ConfigurationError: the installed packages cannot run the model, its files cannot be
                had, or QDRANT_DIM is more than it gives.
        """
        self.name = name
        self.dim = settings.dim or model.dim
        if self.dim > model.full_dim:
            raise ConfigurationError(
                f"QDRANT_DIM={self.dim}, but {model.model.name} gives {model.full_dim} dimensions "
                f"at most; unset QDRANT_DIM for {model.dim}"
            )
        _check_packages(model)
        cache = settings.model_dir.expanduser().resolve()
        _use_cache(cache)
        for repository in (model.model, model.code, *model.nested):
            _pin(repository, cache)
        _go_offline()

        import torch
        from transformers import AutoModel

        from components.encoders.device import Device

        self._device, self._torch = Device(settings), torch
        self._model: Any = AutoModel.from_pretrained(
            model.model.name,
            revision=model.model.commit,
            code_revision=model.code.commit,
            trust_remote_code=True,
        )
        self._model.eval().to(self._device.torch)

    @property
    def batch_size(self) -> int:
        return self._device.batch_size

    def preprocess(self, image: Image.Image) -> Image.Image:
        """Return the picture as it is: the model's own code resizes it."""
        return image

    def of_pixels(self, pixels: Pixels) -> NoReturn:
        raise NotImplementedError("its pictures are not scaled apart from the model")

    def begin(self, pictures: Sequence[Image.Image]) -> Callable[[], Computed]:
        """Embed them: the model's own code waits for its rows."""
        return self._device.in_batches(pictures, self._forward)

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        return self.begin(images)().rows

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        with self._torch.inference_mode(), self._device.precision():
            return normalized(self._encode("encode_text", list(texts)))

    def _forward(self, pictures: Sequence[Image.Image]) -> Callable[[], Computed]:
        images = list(pictures)
        return self._device.begin(
            lambda: self._torch.from_numpy(self._encode("encode_image", images))
        )

    def _encode(self, method: str, inputs: list[Any]) -> Vectors:
        vectors: Vectors = getattr(self._model, method)(inputs, batch_size=len(inputs))
        return vectors[:, : self.dim]


def _check_packages(model: RemoteModel) -> None:
    installed = version("transformers")
    if int(installed.split(".")[0]) >= model.transformers_below[0]:
        raise ConfigurationError(
            f"CLIP_MODEL={model.model.name}: its code does not import on transformers {installed}; "
            f"install transformers=={model.transformers_tested}, as the embed image has it, or "
            "choose another model"
        )


def _use_cache(cache: Path) -> None:
    """Have the hub's libraries, which read this variable when imported, use this cache."""
    if "huggingface_hub" in sys.modules and os.environ.get("HF_HUB_CACHE") != str(cache):
        raise ConfigurationError(
            "a model with code of its own has to be the first that a process loads; start again"
        )
    os.environ["HF_HUB_CACHE"] = str(cache)


def _go_offline() -> None:
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = True


def _pin(repository: PinnedRepository, cache: Path) -> None:
    """Have the repository's needed files at its commit in the cache, as its "main"."""
    main = cache / f"models--{repository.name.replace('/', '--')}" / "refs" / "main"
    if main.exists() and main.read_text() == repository.commit:
        return
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        snapshot_download(
            repository.name,
            revision=repository.commit,
            allow_patterns=list(repository.files),
            cache_dir=cache,
        )
    except (OSError, HfHubHTTPError) as error:
        raise ConfigurationError(
            f"CLIP_MODEL: {repository.name}@{repository.commit[:12]} is not in {cache} and cannot "
            f"be fetched ({type(error).__name__}); put it there (VP_MODEL_DIR), or set CLIP_MODEL "
            "to a folder or to packaged:conse"
        ) from error
    # Written last: a download that was cut short is taken up again.
    main.parent.mkdir(parents=True, exist_ok=True)
    main.write_text(repository.commit)
