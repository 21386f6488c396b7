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
    function: Callable[[T], R],
    items: Iterable[T],
    at_once: int | Executor,
    ahead: float,
    weigh: Callable[[T], float] = lambda _: 1,
) -> Iterator[R]:
    """Yield `function(item)` for each item, in the order of the items.

    Args:
        at_once: Threads, or a pool that others use as well.
        ahead: Items are taken before the first one's result is asked for until they weigh so much.
        weigh: Returns for how many an item counts.

    Raises:
        Exception: what a call raised, once its turn comes; calls not yet begun are given up.
    """
    remaining = iter(items)
    pool = ThreadPoolExecutor(at_once) if isinstance(at_once, int) else nullcontext(at_once)
    with pool as threads:
        begun: deque[tuple[Future[R], float]] = deque()
        held = 0.0

        def begin() -> None:
            nonlocal held
            while held < ahead and (taken := [*islice(remaining, 1)]):
                begun.extend((threads.submit(function, item), weigh(item)) for item in taken)
                held += begun[-1][1]

        try:
            begin()
            while begun:
                call, weight = begun.popleft()
                yield call.result()
                held -= weight
                begin()
        finally:
            for call, _ in begun:
                call.cancel()


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
