"""Counting what is asked of S3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from components.running.services import Services


@contextmanager
def counted(services: Services) -> Iterator[Counter[str]]:
    """Count the requests to S3 by operation."""
    calls: Counter[str] = Counter()
    events = services.store.events

    def count(event_name: str, **_: Any) -> None:
        calls[event_name.rpartition(".")[2]] += 1

    events.register("before-send.s3", count)
    try:
        yield calls
    finally:
        events.unregister("before-send.s3", count)
