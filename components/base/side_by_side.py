"""Some calls at a time, their results in order, and never more ahead than memory should hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(
    function: Callable[[T], R], items: Iterable[T], at_once: int | Executor, ahead: int
) -> Iterator[R]:
    """Yield `function(item)` for each item, in the order of the items.

    Args:
        at_once: Threads, or a pool that others use as well.
        ahead: Most items that are taken before the first one's result is asked for.

    Raises:
        Exception: what a call raised, once its turn comes; calls not yet begun are given up.
    """
    remaining = iter(items)
    pool = ThreadPoolExecutor(at_once) if isinstance(at_once, int) else nullcontext(at_once)
    with pool as threads:
        begun: deque[Future[R]] = deque()
        try:
            begun.extend(threads.submit(function, item) for item in islice(remaining, ahead))
            while begun:
                yield begun.popleft().result()
                begun.extend(threads.submit(function, item) for item in islice(remaining, 1))
        finally:
            for call in begun:
                call.cancel()


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
