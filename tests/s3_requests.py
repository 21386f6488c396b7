"""Counting what is asked of S3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from components.running.services import Services
from components.stores.s3 import Store

# That an object is not there is an answer, too.
_ANSWERS = {200, 204, 206, 304, 404}


def counted(services: Services) -> AbstractContextManager[Counter[str]]:
    """Count what services ask of S3; see `counted_by`."""
    return counted_by(services.store)


@contextmanager
def counted_by(store: Store) -> Iterator[Counter[str]]:
    """Count the requests to S3 by operation, each once: those that were answered.

    What a server is too busy for, or a connection that breaks, has the client ask again. That is
    no request more of the program, and would have a test depend on what else the machine does.
    """
    calls: Counter[str] = Counter()
    events = store.events

    def count(event_name: str, response_dict: Any, **_: Any) -> None:
        if response_dict and response_dict["status_code"] in _ANSWERS:
            calls[event_name.rpartition(".")[2]] += 1

    events.register("response-received.s3", count)
    try:
        yield calls
    finally:
        events.unregister("response-received.s3", count)
