"""Names of runs."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def run_name() -> str:
    """Return a new name that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
