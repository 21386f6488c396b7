"""Reading ahead in a thread, so that the model does not wait for files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_S = 0.2


class _End:
    """Follows the last item; carries what ended the items early, if anything did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Weighed(Queue[T]):
    """A queue that is full by the weight of what it holds."""

    def __init__(self, most: int, weigh: Callable[[T], int]) -> None:
        super().__init__(most)
        self._weigh = weigh

    def _init(self, maxsize: int) -> None:  # noqa: ARG002, Queue calls it so
        self._items: deque[tuple[T, int]] = deque()
        self._held = 0

    def _qsize(self) -> int:
        return self._held

    def _put(self, item: T) -> None:
        self._items.append((item, self._weigh(item)))
        self._held += self._items[-1][1]

    def _get(self) -> T:
        item, weight = self._items.popleft()
        self._held -= weight
        return item


class Prefetched(Generic[T]):
    """The items, at most `ahead` of them read before they are asked for, from now on.

    The thread ends with the items, or once this is closed; an exception of the items is raised
    where the next one would come. `weigh` says for how many an item counts, one or more.
    """

    def __init__(
        self, items: Iterable[T], ahead: int, weigh: Callable[[T], int] = lambda _: 1
    ) -> None:
        self._queue: Queue[T | _End] = _Weighed(
            ahead, lambda item: 1 if isinstance(item, _End) else weigh(item)
        )
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
