"""Asking a service: again while that may help, and with errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from components.errors import PipelineError

T = TypeVar("T")

# Of the random, growing waits between attempts (AWS Architecture Blog, "Exponential Backoff And
# Jitter"): many clients of a service that comes back must not all ask in the same moment.
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 20.0


def answered(
    ask: Callable[[], T],
    *,
    attempts: int,
    passing: Callable[[BaseException], bool],
    failures: tuple[type[Exception], ...],
    explain: Callable[[Exception], PipelineError],
) -> T:
    """Return what `ask` returns.

    Args:
        attempts: How often it is called at most.
        passing: Returns whether an error is one that a later attempt may not meet.
        failures: Errors that `explain` turns into the project's own; others pass through.

    Raises:
        PipelineError: as `explain` says of the last error.
    """
    retrying = Retrying(
        retry=retry_if_exception(passing),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S),
        reraise=True,
    )
    try:
        return retrying(ask)
    except failures as error:
        raise explain(error) from error
