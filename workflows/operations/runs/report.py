"""What `oriane runs --json` prints."""

from __future__ import annotations

from typing import Literal

from components.records.digest import Digest


class PastRun(Digest):
    """A run: ended with its digest, or under way, or broken off; then nothing is counted yet.

    Of one that has not ended, `videos` are those that it took.
    """

    state: Literal["running", "broken_off", "ended"] = "ended"
    began_at: str | None = None
    error: str | None = None
