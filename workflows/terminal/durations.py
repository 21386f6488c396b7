"""Durations as a person types them: 45s, 30m, 12h, 30d, 4w."""

from __future__ import annotations

import re
from datetime import timedelta

from components.errors import ConfigurationError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.ASCII)
_LONGEST = timedelta(days=36_500)


def duration(text: str | timedelta) -> timedelta:
    """Return the duration that the text names; for typer's `parser`, which passes defaults too.

    Raises:
        ConfigurationError: it is not a number with a unit, or longer than a century.
    """
    if isinstance(text, timedelta):
        return text
    found = _DURATION.fullmatch(text.strip())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0
    if not found or seconds > _LONGEST.total_seconds():
        raise ConfigurationError(
            f"duration {text!r}: expected a number with a unit (s, m, h, d, w) of at most "
            f"{_LONGEST.days}d; write 12h or 30d"
        )
    return timedelta(seconds=seconds)
