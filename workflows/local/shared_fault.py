"""Tells a fault of the program, which meets every video alike, from the faults of single videos."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from components.records.manifest import Entry, Problem

# When so many videos from the first on met the same internal error, the rest would meet it too.
_ENOUGH = 3


class SharedFault:
    """Looks at the videos of a run as they end, for an internal error that all of them met.

    `verdict` is what the others are to be booked as without being tried, None while there is hope.
    """

    def __init__(self) -> None:
        self.verdict: Problem | None = None
        self._first: Problem | None = None
        self._videos = 0

    def add(self, entries: Iterable[Entry[Any]]) -> None:
        """Take into account how these videos ended; nothing changes a verdict or revives a hope."""
        for entry in entries:
            if self.verdict or (self._videos and not self._first):
                return
            self._videos += 1
            met = entry.problem if entry.problem and entry.problem.fault else None
            known = self._first or met
            self._first = known if met and known and met.fault == known.fault else None
            if self._first and self._videos == _ENOUGH:
                said = f"not tried: the first {_ENOUGH} videos all met {self._first.message}"
                self.verdict = self._first.model_copy(update={"message": said})
