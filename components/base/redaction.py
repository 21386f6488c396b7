"""Keeping secrets, and characters that would forge a line, out of all that is shown or kept.

Secrets are known by their values: those of the variables that hold one, and the passwords inside of
addresses. So they are found wherever they turn up, as they are or as JSON, Python or an address
writes them: in a package's message, a traceback, a label.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from io import TextIOWrapper
from logging import LogRecord
from types import TracebackType
from typing import TextIO
from urllib.parse import quote, unquote

HIDDEN = "***"

_SECRET_NAME = re.compile(r"(KEY|SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIALS?)(_|$)", re.IGNORECASE)
# scheme://user:password@host, and ?password=… or &token=… of an address or a libpq string.
_IN_ADDRESS = re.compile(r"(?<=://)([^\s/?#@:]*):([^\s/?#]*)@")
_IN_QUERY = re.compile(
    r"((?:password|passwd|token|secret|api[-_]?key|signature|credential)=)([^\s&'\";]+)",
    re.IGNORECASE,
)
# The same in a variable, where the whole is one address: a password may hold what it should not.
_WHOLE_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@:]*:(.+)@")
# What turns up everywhere by chance: short values, short numbers, and these.
_SHORTEST, _SHORTEST_NUMBER = 4, 8
_WORDS = {"true", "false", "none", "null", "auto"}
# What was given otherwise than by the environment, as name and value.
_given: set[tuple[str, str]] = set()


def hide(name: str, value: str) -> None:
    """Hide from now on what a variable of this name and value keeps secret, as if it were set."""
    _given.add((name, value))


def forget() -> None:
    """Hide no longer what `hide` was told."""
    _given.clear()


def redacted(text: str) -> str:
    """Return the text with every known secret in it, and every password in an address, hidden."""
    for secret in _secrets():
        text = text.replace(secret, HIDDEN)
    text = _IN_ADDRESS.sub(rf"\1:{HIDDEN}@", text)
    return _IN_QUERY.sub(rf"\1{HIDDEN}", text)


def shown(text: str, keep: str = "") -> str:
    """Return the text with characters that cannot be seen written out, as `\\x1b` or `\\u202e`.

    Those are line breaks, what terminals take for commands, and marks that turn the order of
    letters round or take no place. Characters in `keep` stay.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in keep else each.encode("unicode_escape").decode()
        for each in text
    )


def safe(text: str) -> str:
    """Return the text without secrets, as one line that is what it looks like."""
    return shown(redacted(text))


def _secrets() -> list[str]:
    """Return the values to hide, the longest first, for one may be a part of another."""
    found = set()
    for name, value in [*os.environ.items(), *_given]:
        for part in _parts(name, value):
            if _tells(part):
                found |= {part, json.dumps(part)[1:-1], repr(part)[1:-1], quote(part, safe="")}
    return sorted(found, key=len, reverse=True)


def _tells(value: str) -> bool:
    shortest = _SHORTEST_NUMBER if value.isdigit() else _SHORTEST
    return len(value) >= shortest and value.lower() not in _WORDS


def _parts(name: str, value: str) -> Iterator[str]:
    # A path to a secret is not a secret.
    if _SECRET_NAME.search(name) and not value.startswith(("/", "~")):
        yield value
    hidden = [match[2] for match in _IN_ADDRESS.finditer(value)]
    if not hidden and (match := _WHOLE_ADDRESS.match(value)):
        hidden = [match[1]]
    hidden += [match[2] for match in _IN_QUERY.finditer(value)]
    for secret in hidden:
        yield secret
        yield unquote(secret)


class SafeRecords:
    """A filter for a logger: what its records say is redacted, and each message one line."""

    def filter(self, record: LogRecord) -> bool:
        """Change the record in place; let it pass."""
        record.msg, record.args = safe(record.getMessage()), ()
        if record.exc_info and record.exc_info[1]:
            record.exc_text = traceback_text(record.exc_info[1])
            record.exc_info = None
        for name in ("video", "reason"):
            if isinstance(getattr(record, name, None), str):
                setattr(record, name, safe(getattr(record, name)))
        return True


def traceback_text(error: BaseException) -> str:
    """Return the traceback without secrets and without commands to the terminal."""
    return shown(redacted("".join(traceback.format_exception(error))).rstrip(), keep="\n\t")


def guard_tracebacks() -> None:
    """Have tracebacks that nobody catches, of threads as well, go through `traceback_text`."""

    def uncaught(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        del kind, trace
        print(traceback_text(error), file=sys.stderr)  # noqa: T201

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value and not isinstance(arguments.exc_value, SystemExit):
            print(traceback_text(arguments.exc_value), file=sys.stderr)  # noqa: T201

    sys.excepthook = uncaught
    threading.excepthook = in_thread


class RedactingStream:
    """A text stream that hides secrets in what is written to it, whoever writes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text without secrets."""
        self._stream.write(redacted(text))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def guard_streams() -> None:
    """Put a `RedactingStream` before stdout and stderr of this process.

    What their encoding has no letter for is written out, as `\\u201c`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout = RedactingStream(sys.stdout)
    sys.stderr = RedactingStream(sys.stderr)
