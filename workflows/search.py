"""Finds frames by text or by picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from components.collection import Hit
from components.encoders.identity import PACKAGED, REMOTE_MODELS
from components.errors import ConfigurationError
from components.services import Services
from components.settings import Settings


def with_indexed_model(settings: Settings, model: str | None) -> Settings:
    """Return the settings with the model that the collection was made with.

    Args:
        model: The name that the collection's points carry. CLIP_MODEL, where set, is left alone:
            a mismatch is then reported rather than hidden.

    Raises:
        ConfigurationError: the model was a local folder, which only CLIP_MODEL can name.
    """
    if "model" in settings.embed.model_fields_set or model is None:
        return settings
    return settings.having("embed", model=setting_for(model))


def setting_for(model: str) -> str:
    """Return the CLIP_MODEL that loads the model of this name.

    Raises:
        ConfigurationError: the model was a local folder, which only CLIP_MODEL can name.
    """
    name, _, mark = model.partition("@")
    if model == PACKAGED or name in REMOTE_MODELS:
        return name
    if "/" in name:
        return model
    raise ConfigurationError(
        f"the collection was made with the model in a folder {name!r} (content {mark}); set "
        "CLIP_MODEL to that folder"
    )


def search(
    services: Services,
    query: str | Path,
    *,
    limit: int,
    platform: str | None = None,
    code: str | None = None,
) -> list[Hit]:
    """Return the frames that fit a text, or the picture in a file, best first.

    Raises:
        ConfigurationError: no collection, another model than the collection's, or no picture.
    """
    indexed = services.collection.model()
    encoder = services.encoder
    if indexed is not None and indexed != encoder.name:
        raise ConfigurationError(
            f"collection {services.settings.index.collection!r} holds vectors of {indexed}, the "
            f"query would be one of {encoder.name}; unset CLIP_MODEL to use the collection's model"
        )
    if isinstance(query, Path):
        vectors = encoder.embed_images([_picture(query)])
    else:
        vectors = encoder.embed_texts([query])
    vector: Sequence[float] = vectors[0].tolist()
    return services.collection.search(vector, limit, platform, code)


def _picture(path: Path) -> Image.Image:
    try:
        return Image.open(path).convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise ConfigurationError(f"--image {path}: expected a picture ({error})") from error
