"""Lists the collections behind the alias."""

from __future__ import annotations

from components.running.services import Services
from workflows.model_swap.reports import Collections


def collections(services: Services) -> Collections:
    """Return the collections behind the alias, by name.

    Raises:
        PipelineError: the store cannot be used.
    """
    store = services.vectors
    return Collections(alias=store.alias, collections=tuple(store.members()))
