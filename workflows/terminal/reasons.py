"""Reasons for which videos stop, as a person names them."""

from __future__ import annotations

from components.base.did_you_mean import did_you_mean
from components.errors import ConfigurationError, Failure, Reason


def check_reason(reason: str) -> None:
    """Refuse a reason that no video can have, which would match none and look like success.

    Raises:
        ConfigurationError: it is not a reason code; says what may be meant, and which there are.
    """
    known = [*map(str, Reason), *map(str, Failure)]
    if reason and reason not in known:
        raise ConfigurationError(
            f"--reason {reason}: expected one of {', '.join(known)}{did_you_mean(reason, known)}"
        )
