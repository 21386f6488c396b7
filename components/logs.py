"""Logging: readable lines on stderr, and one JSON object a line in the run's log file.

What belongs to a video carries `video`, `phase` and `seconds` as fields (`extra=`), so that a
query over the file needs no parsing of messages.
"""

from __future__ import annotations

import logging
from pathlib import Path

from pythonjsonlogger.json import JsonFormatter
from rich.console import Console
from rich.logging import RichHandler
from rich.traceback import install

ROOT = "oriane"

log = logging.getLogger(ROOT)


def configure(level: str, file: Path | None = None, console: Console | None = None) -> None:
    """Send this project's messages to stderr and, as JSON Lines, to `file`."""
    console = console or Console(stderr=True)
    install(console=console, show_locals=False)
    terminal = RichHandler(
        console=console, show_path=False, rich_tracebacks=True, log_time_format="[%X]"
    )
    terminal.setLevel(level)
    handlers: list[logging.Handler] = [terminal]
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = logging.FileHandler(file, encoding="utf-8")
        lines.setFormatter(
            JsonFormatter(
                ["asctime", "levelname", "message", "name"],
                rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
                timestamp="time",
            )
        )
        handlers.append(lines)
    for old in log.handlers[:]:
        log.removeHandler(old)
        old.close()
    for handler in handlers:
        log.addHandler(handler)
    log.setLevel(min(logging.INFO, logging.getLevelNamesMapping()[level]))
    log.propagate = False
