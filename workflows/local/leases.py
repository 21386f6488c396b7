"""Leases of a run on one machine: short ones, kept alive while the process lives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from components.base.logs import log
from components.errors import PipelineError
from components.running.services import Services
from components.settings import Settings

_LEASE_H = 2 / 60
_EVERY_S = 30.0


def short_lived(settings: Settings) -> Settings:
    """Return the settings with leases as short as a process that renews them can have them."""
    return settings.having("plan", lease_h=_LEASE_H)


@contextmanager
def kept_alive(services: Services, run: str) -> Iterator[None]:
    """Extend the run's leases while inside and end them on leaving.

    A process that is killed so keeps its videos from others for two minutes, where a run
    in a cluster, which has no such process, leases them for VP_LEASE_HOURS.
    """
    ledger = services.ledger
    if ledger is None:
        yield
        return
    left = threading.Event()

    def extend() -> None:
        while not left.wait(_EVERY_S):
            try:
                ledger.extend(run, _LEASE_H)
            except PipelineError as error:
                log.warning("leases not extended: %s", error)

    thread = threading.Thread(target=extend, daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()
        ledger.release(run)
