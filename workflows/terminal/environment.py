"""Variables of the environment and of a .env file, and which of the two each comes from."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dotenv import dotenv_values

from components.errors import ConfigurationError
from workflows.terminal.output import errors

DOTENV = ".env"
_from_file: set[str] = set()
_read: Path | None = None


def load() -> None:
    """Add the variables of `.env` in the current folder; the environment's own come first.

    Raises:
        ConfigurationError: the file is not text in UTF-8, or a value cannot be a variable's.
    """
    global _read  # noqa: PLW0603, the process has one environment
    path = Path(DOTENV)
    if not path.is_file():
        return
    if reason := not_ours(path):
        errors().print(f"warning: {reason}", highlight=False, markup=False, soft_wrap=True)
        return
    _read = path.absolute()
    try:
        for name, value in dotenv_values(path).items():
            if value is not None and name not in os.environ:
                os.environ[name] = value
                _from_file.add(name)
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigurationError(
            f"{path}: expected UTF-8, found {error.object[error.start : error.start + 1]!r} near "
            f"line {line}; save it as UTF-8"
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}; take out what is not text") from error


def file() -> Path | None:
    """Return the file that this process has read, if any."""
    return _read


def not_ours(path: Path) -> str:
    """Return why a file is not to be read, nothing if it is.

    One that somebody else has written, or may write, would decide where this user's videos and
    credentials go.
    """
    found = path.stat()
    if found.st_uid == os.geteuid():
        if not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return ""
        why = "may be written by others"
    else:
        why = "belongs to another user"
    return (
        f"{path.absolute()} was not read: it {why}; chown it to yourself and chmod 600 it, if its "
        "settings are wanted"
    )


def source(name: str) -> str:
    """Return where a variable is set: in the environment, in .env, or not at all (default)."""
    if not os.environ.get(name):
        return "default"
    return DOTENV if name in _from_file else "environment"


def warn() -> None:
    """Say which variables look like ours and are ignored."""
    from components.settings import Settings
    from components.settings.unknown import unknown_variables

    for warning in unknown_variables(os.environ, (v.name for v in Settings.variables())):
        errors().print(f"warning: {warning}", highlight=False, markup=False, soft_wrap=True)
