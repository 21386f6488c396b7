"""How worker processes are started: without the program that started them.

multiprocessing has each worker import the main module of its parent, for functions that are
defined there. Ours never are, and that import would run a script that has no guard once more in
every worker, or fail where the program came from standard input.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType
from typing import Any

_lock = threading.Lock()


class _Process(ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802, multiprocessing's name
        with _no_main_module():
            return ForkServerProcess._Popen(process_obj)


class WorkerContext(ForkServerContext):
    """The forkserver context whose processes do not import the parent's main module."""

    # multiprocessing's own contexts name their processes so.
    Process = _Process


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Have nothing be known of the main module while a process is told about its parent's."""
    with _lock:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
