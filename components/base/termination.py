"""The termination message: what Kubernetes keeps of why a container ended badly.

Argo shows it at the step that failed.
"""

from __future__ import annotations

from collections import deque
from logging import ERROR, WARNING, Handler, LogRecord
from pathlib import Path
from typing import Self

from components.base.logs import log

# Kubernetes makes this file in every container; elsewhere there is none.
FILE = Path("/dev/termination-log")
# Kubernetes cuts the end off what is longer.
_BYTES = 4096
_WARNINGS = 3


class LastWords(Handler):
    """Keeps the last error and the last warnings that are logged while inside."""

    def __init__(self, file: Path | None = None) -> None:
        super().__init__(WARNING)
        self._file = file or FILE
        self._error = ""
        self._warnings: deque[str] = deque(maxlen=_WARNINGS)

    def emit(self, record: LogRecord) -> None:
        """Keep the record's message."""
        if record.levelno >= ERROR:
            self._error = record.getMessage()
        else:
            self._warnings.append(record.getMessage())

    def leave(self) -> None:
        """Write them for Kubernetes, the error first; do nothing where it does not ask."""
        if self._file.exists():
            words = "\n".join(filter(None, [self._error, *self._warnings]))
            self._file.write_bytes(words.encode()[:_BYTES])

    def __enter__(self) -> Self:
        log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        log.removeHandler(self)
