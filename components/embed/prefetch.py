"""Reading ahead in a thread, so that the model does not wait for files."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

_END = object()
_POLL_S = 0.2


def prefetched(items: Iterable[T], ahead: int) -> Generator[T]:
    """Yield the items, at most `ahead` of them read before they are asked for.

    The thread ends with the iterator, also when that is given up early; an exception of `items`
    is raised here.
    """
    queue: Queue[object] = Queue(ahead)
    abandoned = Event()

    def put(item: object) -> None:
        while not abandoned.is_set():
            try:
                queue.put(item, timeout=_POLL_S)
            except Full:
                continue
            return

    def read() -> None:
        try:
            for item in items:
                put((item, None))
                if abandoned.is_set():
                    return
        except BaseException as error:
            put((None, error))
        put(_END)

    thread = Thread(target=read, daemon=True)
    thread.start()
    try:
        while (entry := queue.get()) is not _END:
            item, error = entry  # type: ignore[misc]
            if error is not None:
                raise error
            yield item
    finally:
        abandoned.set()
        thread.join()
