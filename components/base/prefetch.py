"""Reading ahead in a thread, so that the model does not wait for files."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

_POLL_S = 0.2


class _End:
    """Follows the last item; carries what ended the items early, if anything did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetched(items: Iterable[T], ahead: int) -> Generator[T]:
    """Yield the items, at most `ahead` of them read before they are asked for.

    The thread ends with the generator, also when that is closed early; an exception of `items`
    is raised here.
    """
    queue: Queue[T | _End] = Queue(ahead)
    abandoned = Event()

    def put(item: T | _End) -> None:
        while not abandoned.is_set():
            try:
                queue.put(item, timeout=_POLL_S)
            except Full:
                continue
            return

    def read() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                put(item)
                if abandoned.is_set():
                    return
        except BaseException as raised:
            error = raised
        put(_End(error))

    thread = Thread(target=read, daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error:
            raise item.error
    finally:
        abandoned.set()
        thread.join()
