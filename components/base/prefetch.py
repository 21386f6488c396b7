"""Reading ahead in a thread, so that the model does not wait for files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_S = 0.2


class _End:
    """Follows the last item; carries what ended the items early, if anything did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Prefetched(Generic[T]):
    """The items, at most `ahead` of them read before they are asked for, from now on.

    The thread ends with the items, or once this is closed; an exception of the items is raised
    where the next one would come.
    """

    def __init__(self, items: Iterable[T], ahead: int) -> None:
        self._queue: Queue[T | _End] = Queue(ahead)
        self._closed = Event()
        self._ended = False
        self._thread = Thread(target=self._read, args=(items,), daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._ended:
            raise StopIteration
        item = self._queue.get()
        if not isinstance(item, _End):
            return item
        self._ended = True
        if item.error:
            raise item.error
        raise StopIteration

    def close(self) -> None:
        """Read no further, and wait for the thread."""
        self._ended = True
        self._closed.set()
        self._thread.join()

    def _read(self, items: Iterable[T]) -> None:
        error: BaseException | None = None
        try:
            for item in items:
                self._put(item)
                if self._closed.is_set():
                    return
        except BaseException as raised:
            error = raised
        self._put(_End(error))

    def _put(self, item: T | _End) -> None:
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=_POLL_S)
            except Full:
                continue
            return
