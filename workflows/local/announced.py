"""Which server runs beside the data of this machine, so that commands can ask it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from components.records.record import Document

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
    part.replace(path)
    try:
        yield
    finally:
        if running(data_dir) == mine:
            path.unlink(missing_ok=True)


def running(data_dir: Path) -> RunningServer | None:
    """Return the server that announced itself in the folder and still lives, if any."""
    try:
        found = RunningServer.model_validate_json((data_dir / SERVER_FILE).read_text())
        os.kill(found.pid, 0)
    except (OSError, ValidationError, json.JSONDecodeError, OverflowError):
        return None
    return found
