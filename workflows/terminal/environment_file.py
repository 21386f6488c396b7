"""The file `.env` of the working folder: read where it is the user's own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dotenv import load_dotenv

_NAME = ".env"
_read: Path | None = None


def read_environment_file() -> str:
    """Set the variables of `.env` that are not set yet; return why it was not read, or nothing.

    One that somebody else has written, or may write, would decide where this user's videos and
    credentials go.
    """
    global _read  # noqa: PLW0603, the process has one environment
    path = Path(_NAME)
    try:
        found = path.stat()
    except OSError:
        return ""
    mine = found.st_uid == os.geteuid()
    if not mine or not stat.S_ISREG(found.st_mode) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        why = "may be written by others" if mine else "belongs to another user"
        return (
            f"{path.absolute()} was not read: it {why}; chown it to yourself and chmod 600 it, if "
            "its settings are wanted"
        )
    load_dotenv(path)
    _read = path.absolute()
    return ""


def file_that_was_read() -> Path | None:
    """Return the file that this process has read, if any."""
    return _read
