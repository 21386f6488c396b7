"""Which server runs beside the data of this machine, so that commands can ask it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from components.records.record import Document
from workflows.terminal.environment import not_ours

SERVER_FILE = "server.json"


class RunningServer(Document):
    """A server of this machine: where it answers, and its process."""

    url: str
    pid: int


@contextmanager
def announced(data_dir: Path, url: str) -> Iterator[None]:
    """Say while inside, in a file of the data folder, where the server of this folder answers."""
    path = data_dir / SERVER_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = RunningServer(url=url, pid=os.getpid())
    part = path.with_name(f".{SERVER_FILE}.{os.getpid()}")
    part.write_text(mine.model_dump_json() + "\n")
    # Nobody asks who may have been named by another; with some umasks the file would look so.
    part.chmod(0o600)
    part.replace(path)
    try:
        yield
    finally:
        if running(data_dir) == mine:
            path.unlink(missing_ok=True)


def running(data_dir: Path) -> RunningServer | None:
    """Return the server that announced itself in the folder and still lives, if any.

    Not one that somebody else may have named: it is asked with ORIANE_TOKEN.
    """
    path = data_dir / SERVER_FILE
    try:
        if not_ours(path):
            return None
        found = RunningServer.model_validate_json(path.read_text())
        os.kill(found.pid, 0)
    except (OSError, ValidationError, json.JSONDecodeError, OverflowError):
        return None
    return found
