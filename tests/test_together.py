"""Threads that ask at the same time are answered together, each as if alone."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from components.base.together import Together


class Held:
    """Doubles numbers, once it is let to; negative ones are an error.

    Args:
        interrupted: Break off the first call for several.
    """

    def __init__(self, *, interrupted: bool = False) -> None:
        self.interrupted = interrupted
        self.begun, self.let = threading.Semaphore(0), threading.Semaphore(0)
        self.calls: list[list[int]] = []

    def __call__(self, items: list[int]) -> list[int]:
        self.calls.append(sorted(items))
        self.begun.release()
        self.let.acquire()
        if self.interrupted and len(items) > 1:
            self.interrupted = False
            raise KeyboardInterrupt
        if min(items) < 0:
            raise ValueError(f"{min(items)}")
        return [2 * item for item in items]


def asked_meanwhile(held: Held, first: int, others: list[int]) -> list[Future[int]]:
    """Ask for one number and, while that is under way, for others."""
    together = Together(held)
    pool = ThreadPoolExecutor(1 + len(others))
    begun = [pool.submit(together.ask, first)]
    held.begun.acquire()
    begun += [pool.submit(together.ask, other) for other in others]
    while len(together._waiting) < len(others):
        threading.Event().wait(0.001)
    pool.shutdown(wait=False)
    return begun


def test_who_comes_meanwhile_is_answered_in_one_call() -> None:
    held = Held()
    begun = asked_meanwhile(held, 1, [2, 3, 4])
    held.let.release(2)
    assert [one.result() for one in begun] == [2, 4, 6, 8]
    assert held.calls == [[1], [2, 3, 4]]


def test_an_error_is_of_who_asked_for_it() -> None:
    held = Held()
    begun = asked_meanwhile(held, 1, [2, -3, 4])
    held.let.release(5)
    assert [one.result() for one in (begun[0], begun[1], begun[3])] == [2, 4, 8]
    with pytest.raises(ValueError, match="-3"):
        begun[2].result()


def test_others_are_answered_though_the_one_who_asks_for_them_is_interrupted() -> None:
    held = Held(interrupted=True)
    begun = asked_meanwhile(held, 1, [2, 3, 4])
    held.let.release(3)
    errors = [one.exception() for one in begun]
    assert [type(error) for error in errors if error] == [KeyboardInterrupt]
    answered = [one.result() for one, error in zip(begun, errors, strict=True) if not error]
    assert len(answered) == 3
    assert set(answered) < {2, 4, 6, 8}
    assert [len(call) for call in held.calls] == [1, 3, 2]
