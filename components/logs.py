"""Logging: readable lines on stderr, by Rich on a terminal, and JSON Lines in the run's file.

What belongs to a video carries `video`, `phase` and `seconds` as fields (`extra=`), so that a
query over the file needs no parsing of messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from logging import (
    INFO,
    FileHandler,
    Formatter,
    Handler,
    StreamHandler,
    getLevelNamesMapping,
    getLogger,
)
from pathlib import Path

from pythonjsonlogger.json import JsonFormatter
from rich.console import Console
from rich.logging import RichHandler
from rich.traceback import install

log = getLogger("oriane")


@contextmanager
def recording(
    level: str, file: Path | None = None, console: Console | None = None
) -> Iterator[None]:
    """Send this project's messages to stderr and, as JSON Lines, to `file`, while inside."""
    console = console or Console(stderr=True)
    install(console=console, show_locals=False)
    shown = _terminal(console) if console.is_terminal else _step_log()
    shown.setLevel(level)
    handlers: list[Handler] = [shown]
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = FileHandler(file, encoding="utf-8")
        lines.setFormatter(
            JsonFormatter(
                ["levelname", "message"], rename_fields={"levelname": "level"}, timestamp="time"
            )
        )
        handlers.append(lines)
    for handler in handlers:
        log.addHandler(handler)
    log.setLevel(min(INFO, getLevelNamesMapping()[level]))
    log.propagate = False
    try:
        yield
    finally:
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()
        log.propagate = True


def _terminal(console: Console) -> Handler:
    return RichHandler(
        console=console, show_path=False, rich_tracebacks=True, log_time_format="[%X]"
    )


def _step_log() -> Handler:
    """Return a handler for logs that are kept: a message is one line, however long."""
    handler = StreamHandler()
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler
