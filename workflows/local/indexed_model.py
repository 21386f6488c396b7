"""The model of a command: CLIP_MODEL's, or where that is not set the collection's own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from components.base.model_names import REMOTE_MODELS, identity, setting_for
from components.errors import ConfigurationError, TransientError
from components.settings import Settings
from components.stores.vectors.open import indexed_model


def following_collection(settings: Settings) -> Settings:
    """Return the settings with the collection's model where they name none and it has one.

    Raises:
        ConfigurationError: the model was a local folder, which only CLIP_MODEL can name.
        TransientError: the store does not answer.
    """
    if "model" in settings.embed.model_fields_set:
        return settings
    indexed = indexed_model(settings.index)
    if indexed is None:
        return settings
    return with_model_of(settings, indexed.model, lambda: indexed.dim)


def with_model_of(settings: Settings, indexed: str, dim: Callable[[], int]) -> Settings:
    """Return the settings with the model, and the dimensions, that a collection was made with.

    Args:
        dim: Returns the length of its vectors; called where the model has several.

    Raises:
        ConfigurationError: the model was a local folder, and CLIP_MODEL is not that folder.
    """
    if not _names(settings.embed.model, indexed):
        settings = settings.having("embed", model=setting_for(indexed))
    pinned = REMOTE_MODELS.get(settings.embed.model)
    # Of a model that is trained to be truncated, the collection may hold another length.
    if pinned and settings.embed.dim is None and (found := dim()) != pinned.dim:
        settings = settings.having("embed", dim=found)
    return settings


def refusal(settings: Settings) -> str:
    """Return why runs with this CLIP_MODEL are refused; nothing if they are not.

    Also nothing where the store does not answer, or CLIP_MODEL is not set.
    """
    indexed = None
    if "model" in settings.embed.model_fields_set:
        with suppress(TransientError):
            indexed = indexed_model(settings.index)
    if indexed is None or _names(settings.embed.model, indexed.model):
        return ""
    return (
        f"runs with CLIP_MODEL={settings.embed.model} are refused: the collection holds vectors of "
        f"{indexed.model}; leave CLIP_MODEL unset, or change the model by `oriane model prepare`"
    )


def model_line(settings: Settings, given: Settings) -> str:
    """Return which model a command uses, and whose choice that was."""
    if "model" in given.embed.model_fields_set:
        return f"model {settings.embed.model}"
    if settings is not given:
        return f"model {settings.embed.model}, the collection's, as CLIP_MODEL is not set"
    return f"model {settings.embed.model}, the default, as CLIP_MODEL is not set"


def _names(model: str, indexed: str) -> bool:
    try:
        return identity(model) == indexed
    except ConfigurationError:
        return False
