"""Ends the leases of a run."""

from __future__ import annotations

from components.errors import ConfigurationError
from components.stores.postgres.ledger import Ledger


def release(ledger: Ledger, run: str) -> int:
    """End the run's leases; return how many videos it kept from others until now.

    Raises:
        ConfigurationError: it holds none; the message names the runs that do.
    """
    videos = ledger.release(run)
    if not videos:
        others = ", ".join(lease["run"] for lease in ledger.leases())
        raise ConfigurationError(
            f"{run} holds no lease; " + (f"these runs do: {others}" if others else "no run does")
        )
    return videos
