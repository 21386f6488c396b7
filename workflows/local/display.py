"""What a run shows at a terminal while it goes on: a progress bar, and messages above it."""

from __future__ import annotations

from logging import Handler
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from components.records.videos import Video


def terminal_log(console: Console) -> Handler | None:
    """Return a handler that keeps the progress bar below the messages."""
    if not console.is_terminal:
        return None
    return RichHandler(console=console, show_path=False, log_time_format="[%X]")


class Display:
    """The progress bar on a terminal; nothing where there is none."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
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

    def advance(self, phase: str, video: Video, outcome: str) -> None:
        """Count a video that left a phase."""
        self._progress.update(self._task, advance=1, description=f"{phase} {video} {outcome}")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()
