"""Durations on the command line: 90s, 15m, 12h, 30d, 2w."""

from __future__ import annotations

import re

from components.errors import ConfigurationError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}


def seconds(text: str) -> float:
    """Return the seconds of a number with its unit.

    Raises:
        ConfigurationError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if not found:
        raise ConfigurationError(
            f"expected a duration such as 90s, 15m, 12h or 30d, found {text!r}"
        )
    return float(found[1]) * _SECONDS[found[2]]
