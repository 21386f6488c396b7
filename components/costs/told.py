"""What a digest knows of costs, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from components.base.wording import counted
from components.costs import bill, limit
from components.records.digest import Digest


def told(digest: Digest) -> Iterator[str]:
    """Yield what the run cost, how near it came to the limit, and how well it was foretold."""
    if digest.bill:
        yield f"cost: {bill.told(digest.bill)}"
    if digest.limit:
        yield limit.told(digest.limit)
    if foretold := _foretold(digest):
        yield foretold


def _foretold(digest: Digest) -> str | None:
    """Return how far the forecast was off; None where that cannot be said.

    CPU seconds are told beside, since they are right where something else kept the machine busy.
    """
    expected, work = digest.expected, digest.work
    if not expected or not work or digest.forecast_error is None:
        return None
    line = (
        f"expected {expected.took_s:.1f} s, took {work.took_s:.1f} s "
        f"({digest.forecast_error:+.0%}), by {counted(expected.from_runs, 'run')}"
    )
    if digest.cpu_error is None:
        return line
    return f"{line}; CPU seconds {digest.cpu_error:+.0%}"
