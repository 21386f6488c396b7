"""Parts of a sequence made side by side in threads, and read one after the other."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from threading import Condition, Lock, Thread
from typing import Generic, TypeVar

Part = TypeVar("Part")
T = TypeVar("T")


class _End:
    """Follows the last item of a part; carries what ended it early, if anything did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def relayed(
    makers: Sequence[Callable[[Part], Iterable[T]]], parts: Sequence[Part], ahead: int
) -> Generator[T]:
    """Yield the items of all parts in order; each maker makes one part at a time, in a thread.

    Args:
        ahead: Most items that are held before their turn.

    Raises:
        Exception: what making a part raised, once the items before are read.
    """
    relay: _Relay[Part, T] = _Relay(parts, ahead)
    threads = [Thread(target=relay.make, args=(maker,), daemon=True) for maker in makers]
    for thread in threads:
        thread.start()
    try:
        yield from relay.items()
    finally:
        relay.close()
        for thread in threads:
            thread.join()


class _Relay(Generic[Part, T]):
    def __init__(self, parts: Sequence[Part], ahead: int) -> None:
        self._parts, self._ahead = parts, ahead
        # To wake all for each item would have them queue for the interpreter's lock all the time.
        self._lock = Lock()
        self._arrived = Condition(self._lock)
        # Items by part, how many there are in all, the part that is made next, the one being read.
        self._lines: defaultdict[int, deque[T | _End]] = defaultdict(deque)
        self._held = self._next = self._turn = 0
        # Who waits for room, by part.
        self._waiting: dict[int, Condition] = {}
        self._closed = False

    def make(self, maker: Callable[[Part], Iterable[T]]) -> None:
        """Make parts, each time the next one that nobody makes, until there are no more."""
        error: BaseException | None = None
        while error is None:
            with self._lock:
                number = self._next
                if self._closed or number >= len(self._parts):
                    return
                self._next += 1
            try:
                for item in maker(self._parts[number]):
                    if not self._put(number, item):
                        return
            except BaseException as raised:
                error = raised
            with self._lock:
                self._append(number, _End(error))

    def items(self) -> Generator[T]:
        """Yield the items, part by part."""
        for turn in range(len(self._parts)):
            with self._lock:
                self._turn = turn
                self._wake_first()
            while not isinstance(item := self._taken(turn), _End):
                yield item
            if item.error:
                raise item.error

    def close(self) -> None:
        """Have the makers end."""
        with self._lock:
            self._closed = True
            for room in self._waiting.values():
                room.notify()

    def _put(self, number: int, item: T) -> bool:
        """Hold an item as soon as there is room; return False where no more are wanted.

        For the part that is being read there always is, so that it goes on.
        """
        with self._lock:
            while not self._closed and self._held >= self._ahead:
                if number == self._turn and not self._lines[number]:
                    break
                room = self._waiting[number] = Condition(self._lock)
                room.wait()
                del self._waiting[number]
            if self._closed:
                return False
            self._held += 1
            self._append(number, item)
            if self._held < self._ahead:
                self._wake_first()
            return True

    def _append(self, number: int, item: T | _End) -> None:
        self._lines[number].append(item)
        if number == self._turn:
            self._arrived.notify()

    def _taken(self, turn: int) -> T | _End:
        with self._lock:
            line = self._lines[turn]
            while not line:
                self._arrived.wait()
            item = line.popleft()
            if isinstance(item, _End):
                del self._lines[turn]
            else:
                self._held -= 1
                self._wake_first()
            return item

    def _wake_first(self) -> None:
        """Wake who waits with the item that is read first, if anybody does."""
        if self._waiting:
            self._waiting[min(self._waiting)].notify()
