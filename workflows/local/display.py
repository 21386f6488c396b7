"""What a run shows at a terminal while it goes on: a progress bar, and messages above it."""

from __future__ import annotations

import threading
import time
from logging import Handler
from typing import Self

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from components.records.videos import Video

_LINE_EVERY_S = 30.0


def terminal_log(console: Console) -> Handler | None:
    """Return a handler that keeps the progress bar below the messages."""
    if not console.is_terminal:
        return None
    return RichHandler(console=console, show_path=False, log_time_format="[%X]")


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


class Display:
    """The progress bar on a terminal; where there is none, a line every half minute."""

    def __init__(self, console: Console, line_every_s: float = _LINE_EVERY_S) -> None:
        self._console, self._every_s = console, line_every_s
        self._lock = threading.Lock()
        self._steps = self._done = 0
        self._begun = self._told = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=None)

    def tell(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
        self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def uploaded(self, video: str) -> None:
        """Show that a local file is in the source bucket."""
        self._progress.update(self._task, description=f"copied {video}")

    def expect(self, steps: int) -> None:
        """Set how many steps there are: videos times phases."""
        self._progress.update(self._task, total=steps, description="running")
        self._steps, self._begun = steps, time.monotonic()

    def advance(self, phase: str, video: Video, outcome: str) -> None:
        """Count a video that left a phase."""
        self._progress.update(self._task, advance=1, description=f"{phase} {video} {outcome}")
        with self._lock:
            self._done += 1
            now = time.monotonic()
            due = not self._console.is_terminal and now - self._told >= self._every_s
            if due:
                self._told = now
        if due:
            self.tell(self._line(now, f"{phase} {video} {outcome}"))

    def _line(self, now: float, latest: str) -> str:
        left = (self._steps - self._done) * (now - self._begun) / self._done
        return (
            f"{self._done} of {self._steps} steps, about {_minutes(left)} left; last: {latest}"
            if self._steps
            else latest
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
