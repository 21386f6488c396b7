"""Work in a process that dies before one of its side effects, at each of them in turn."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Any

from components.plan.queue import EventQueue
from components.running.services import Services
from components.settings import Settings
from components.stores.postgres.ledger import Ledger
from components.stores.s3 import Store
from components.stores.vectors.edge.folder import FolderEngine

_KILLED = 9
_SIDE_EFFECTS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (Store, ("put", "upload", "delete")),
    (FolderEngine, ("_create", "_point", "_upsert", "_delete", "_delete_where")),
    (Ledger, ("book", "lease", "extend", "release", "request", "rebook", "forget")),
    (EventQueue, ("delete",)),
)
_OF_A_CLIENT = (
    "create_collection", "update_collection", "update_collection_aliases", "upsert", "delete",
)  # fmt: skip


def dies_at(number: int, settings: Settings, work: Callable[[Services], object]) -> bool:
    """Do the work in a child that dies before its `number`-th side effect, counted from 0.

    Side effects are writes and deletions in S3, Qdrant and SQS, and what changes the ledger. Tell
    whether it came to that; False if the work has fewer.
    """

    def worked() -> None:
        with Services(settings) as services:
            # Connected before any is counted, for a migration is not a side effect of the work.
            _ = services.ledger
            effects = [(owner, name) for owner, names in _SIDE_EFFECTS for name in names]
            if not (settings.index.embedded and find_spec("qdrant_edge")):
                from qdrant_client import QdrantClient

                effects += [(QdrantClient, name) for name in _OF_A_CLIENT]
            die_before(number, effects)
            work(services)

    return dies(worked)


def dies(work: Callable[[], object]) -> bool:
    """Do the work in a child, and tell whether it died by `die_before`; it must not fail."""
    # A fork of a process with threads is meant here: the child ends by os._exit.
    if (child := os.fork()) == 0:
        # Of what the parent had, a model whose threads are not here would wait for them at its end,
        # and torch's would wait for work.
        gc.freeze()
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, _KILLED), f"the child ended with {code}"
    return code == _KILLED


def die_before(number: int, effects: Iterable[tuple[Any, str]]) -> None:
    """Let this process die at the `number`-th call, counted from 0, of any of the functions.

    Args:
        effects: Modules or classes, and the name of a function of each.
    """
    left = [number]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if left[0] == 0:
                os._exit(_KILLED)
            left[0] -= 1
            return function(*args, **kwargs)

        return call

    for owner, name in effects:
        setattr(owner, name, counted(getattr(owner, name)))
