"""Logging: readable lines on stderr and JSON Lines in the run's file.

What belongs to a video carries `video`, `phase` and `seconds` as fields (`extra=`), so that a
query over the file needs no parsing of messages.
"""

from __future__ import annotations

import os
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

from components.base.redaction import SafeRecords

log = getLogger("oriane")
log.addFilter(SafeRecords())


def level_of_container() -> str:
    """Return the level that VP_LOG_LEVEL names, before settings are read; INFO where it names none.

    What is wrong with it is told with the other settings.
    """
    level = os.environ.get("VP_LOG_LEVEL", "")
    return level if level in getLevelNamesMapping() else "INFO"


@contextmanager
def recording(level: str, file: Path | None = None, shown: Handler | None = None) -> Iterator[None]:
    """Send this project's messages to `shown` and, as JSON Lines, to `file`, while inside.

    Without `shown` they go to stderr, for logs that are kept: a message is one line, however long.
    """
    shown = shown or _lines()
    shown.setLevel(level)
    handlers: list[Handler] = [shown]
    if file:
        from pythonjsonlogger.json import JsonFormatter

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


def _lines() -> Handler:
    handler = StreamHandler()
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler
