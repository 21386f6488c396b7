"""Before the first run has indexed a video there is nothing to search, though videos were given.

Every command that needs something indexed asks here, so that all say the same.
"""

from __future__ import annotations

from components.errors import ConfigurationError, TransientError
from components.settings import Settings
from components.stores.vectors.store import Collection
from workflows.local.signs_of_life import any_alive
from workflows.local.sole_writer import is_changed_by_another


class NothingIndexedError(TransientError):
    """A run is under way that has indexed nothing yet, so there will be something to search."""


def require_collection(collection: Collection, settings: Settings) -> None:
    """Check that there is something to search.

    Raises:
        NothingIndexedError: there is no collection yet, and a run on this machine is at work.
        ConfigurationError: there is no such collection; says what makes one.
    """
    try:
        collection.require()
    except ConfigurationError as error:
        raise _nothing_yet(error, settings) from error


def require_frames(collection: Collection, settings: Settings) -> str:
    """Check that there is at least one frame, and return the model that embedded it.

    Raises:
        NothingIndexedError: there is none yet, and a run on this machine is at work.
        ConfigurationError: there is no such collection, or it is empty; says what fills it.
    """
    if model := collection.model():
        return model
    require_collection(collection, settings)
    empty = ConfigurationError("the collection is empty; `oriane run` fills it")
    raise _nothing_yet(empty, settings)


def _nothing_yet(
    otherwise: ConfigurationError, settings: Settings
) -> ConfigurationError | NothingIndexedError:
    """Return the error that there is nothing to search, by whether a run is to change that."""
    if is_changed_by_another(settings) or any_alive(settings):
        return NothingIndexedError(
            "nothing is indexed yet, and a run is under way on this machine; try again once "
            "it has its first video (oriane status tells how far it is)"
        )
    return otherwise
