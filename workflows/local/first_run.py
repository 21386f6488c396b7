"""Before the first run has indexed a video there is nothing to search, though videos were given."""

from __future__ import annotations

from components.errors import ConfigurationError, TransientError
from components.settings import Settings
from components.stores.vectors.store import Collection
from workflows.local.signs_of_life import any_alive
from workflows.local.sole_writer import is_changed_by_another


def require_collection(collection: Collection, settings: Settings) -> None:
    """Check that there is something to search.

    Raises:
        TransientError: there is no collection yet, and a run on this machine is at work.
        ConfigurationError: there is no such collection; says what makes one.
    """
    try:
        collection.require()
    except ConfigurationError as error:
        if is_changed_by_another(settings) or any_alive(settings):
            raise TransientError(
                "nothing is indexed yet, and a run is under way on this machine; try again once "
                "it has its first video (oriane status tells how far it is)"
            ) from error
        raise
