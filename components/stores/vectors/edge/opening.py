"""Opens a folder for this process and, through it, for others; takes over what an old one held."""

from __future__ import annotations

from pathlib import Path

from components.stores.vectors.edge.folder import FolderEngine, take
from components.stores.vectors.edge.holder import Holder
from components.stores.vectors.edge.requests import Answered, Request, Rows
from components.stores.vectors.edge.shared import SharedEngine
from components.stores.vectors.edge.takeover import take_over


class HeldFolder:
    """A folder that this process has open, and answers others from."""

    def __init__(self, engine: FolderEngine, folder: Path) -> None:
        self._engine = engine
        self._holder = Holder(engine, folder)

    def ask(self, request: Request, vectors: Rows = ()) -> Answered:
        return self._engine.ask(request, vectors)

    def close(self) -> None:
        self._holder.close()
        self._engine.close()


def open_folder(folder: Path, patience_s: float) -> SharedEngine:
    """Open the folder, or connect to the process that has it open.

    Raises:
        ConfigurationError: the folder is damaged.
        TransientError: another process has it open and does not answer within `patience_s`.
    """
    return SharedEngine(folder, _hold, patience_s)


def _hold(folder: Path) -> HeldFolder | None:
    lock = take(folder)
    if lock is None:
        return None
    try:
        take_over(folder)
        return HeldFolder(FolderEngine(folder, lock), folder)
    except BaseException:
        lock.close()
        raise
