"""One Chrome trace of a run: every phase of every video, over all threads and worker processes.

With `PROFILE_JSON=run.prof` each process appends its spans to a file of its own in
`run.prof.parts/`; the process that started the run joins them into `run.prof`, which
chrome://tracing and Perfetto open (Trace Event Format, complete events "X"). A process that may not
write there keeps its spans, and who started it adds them.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


MOST_KEPT = 1000
_kept: list[dict[str, Any]] | None = None


def keep_spans() -> None:
    """Keep this process's spans in memory from now on, up to a thousand."""
    global _kept  # noqa: PLW0603, all threads of the process share the list
    _kept = []


def kept_spans() -> list[dict[str, Any]]:
    """Return the spans that were kept."""
    return _kept or []


def add_spans(events: list[dict[str, Any]]) -> None:
    """Write spans that another process kept, if PROFILE_JSON is set."""
    for event in events:
        _write(event)


def _write(event: dict[str, Any]) -> None:
    parts = _parts()
    if _kept is not None:
        if len(_kept) < MOST_KEPT:
            _kept.append(event)
    elif parts is not None:
        parts.mkdir(parents=True, exist_ok=True)
        # One short write to a file opened for appending keeps lines of threads apart.
        with (parts / f"{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps(event) + "\n")


def _parts() -> Path | None:
    target = os.environ.get("PROFILE_JSON")
    return Path(f"{target}.parts") if target else None


@contextmanager
def span(name: str, **arguments: str) -> Iterator[None]:
    """Record the time of the block under `name`; does nothing unless PROFILE_JSON is set."""
    if _kept is None and _parts() is None:
        yield
        return
    start = time.perf_counter_ns()
    try:
        yield
    finally:
        event = {
            "name": name,
            "ph": "X",
            "ts": start / 1000,
            "dur": (time.perf_counter_ns() - start) / 1000,
            "pid": os.getpid(),
            "tid": threading.get_native_id(),
            "args": arguments,
        }
        _write(event)


def profile(function: Callable[P, T]) -> Callable[P, T]:
    """Record every call of the function under its module's and its own name."""
    name = f"{function.__module__.removeprefix('components.')}.{function.__name__}"

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with span(name):
            return function(*args, **kwargs)

    return call


def start_trace() -> None:
    """Forget the spans of an earlier run that was killed before it could join them."""
    parts = _parts()
    if parts is not None:
        shutil.rmtree(parts, ignore_errors=True)


def write_trace() -> Path | None:
    """Join the spans of all processes into PROFILE_JSON and return its path, if it is set."""
    parts = _parts()
    if parts is None:
        return None
    lines = [line for part in sorted(parts.glob("*.jsonl")) for line in part.open()]
    lines = [line for line in lines if line.endswith("}\n")]
    target = Path(os.environ["PROFILE_JSON"])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text('{"traceEvents": [\n' + ",".join(lines) + "]}\n")
    shutil.rmtree(parts, ignore_errors=True)
    return target
