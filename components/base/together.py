"""What threads ask for at the same time, done at once where that takes less than one by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Together(Generic[T, R]):
    """Asks in one call for what several threads want; safe to share between them.

    Who comes first is answered at once, alone. Who comes meanwhile waits for that call to end; then
    one of them asks for all. So nobody waits for others to come, and the more there are, the more
    they have in common (databases call it group commit).
    """

    def __init__(self, answers: Callable[[list[T]], Sequence[R]]) -> None:
        """
        Args:
            answers: Returns an answer for each item, in their order; called by a thread at a time.
        """
        self._answers = answers
        self._changed = threading.Condition()
        self._busy = False
        self._waiting: list[tuple[T, Future[R]]] = []

    def ask(self, item: T) -> R:
        """Return the answer for an item.

        Raises:
            Exception: what `answers` raises for it, whatever the items that it was asked with.
        """
        own: Future[R] = Future()
        with self._changed:
            self._waiting.append((item, own))
            self._changed.wait_for(lambda: own.done() or not self._busy)
            asks_for_all = not own.done()
            self._busy = self._busy or asks_for_all
        if asks_for_all:
            self._ask_for_all(own)
        return own.result()

    def _ask_for_all(self, own: Future[R]) -> None:
        taken: list[tuple[T, Future[R]]] = []
        try:
            # Gives Python's lock away: threads that are ready may be about to ask as well.
            time.sleep(0)
            with self._changed:
                taken, self._waiting = self._waiting, taken
            self._answer(taken)
        finally:
            with self._changed:
                # Of an interrupted call, the others are asked again, by one of them.
                self._waiting += [one for one in taken if one[1] is not own and not one[1].done()]
                self._busy = False
                self._changed.notify_all()

    def _answer(self, taken: list[tuple[T, Future[R]]]) -> None:
        try:
            answers = self._answers([item for item, _ in taken])
        except Exception as error:
            if len(taken) == 1:
                taken[0][1].set_exception(error)
                return
            # One item's fault is not another's.
            for one in taken:
                self._answer([one])
        else:
            for (_, future), answer in zip(taken, answers, strict=True):
                future.set_result(answer)
