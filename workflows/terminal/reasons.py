"""Reasons for which videos stop, as a person names them."""

from __future__ import annotations

from difflib import get_close_matches

from components.errors import ConfigurationError, Failure, Reason


def check_reason(reason: str) -> None:
    """Refuse a reason that no video can have, which would match none and look like success.

    Raises:
        ConfigurationError: it is none; says what may be meant, and which there are.
    """
    known = [*map(str, Reason), *map(str, Failure)]
    if reason and reason not in known:
        near = get_close_matches(reason, known, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise ConfigurationError(f"--reason {reason}: {meant}there are {', '.join(known)}")
