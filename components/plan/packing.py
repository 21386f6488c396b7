"""Packing videos into shards of about equal work."""

from __future__ import annotations

import heapq
import math
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate


class Shards:
    """Which items each shard holds, by their numbers; some bytes an item."""

    def __init__(self, shard_of: Sequence[int], count: int) -> None:
        """
        Args:
            shard_of: The number of the shard of each item.
        """
        sizes = array("I", bytes(4 * count))
        for shard in shard_of:
            sizes[shard] += 1
        self._ends = array("I", accumulate(sizes, initial=0))
        self._items = array("I", bytes(4 * len(shard_of)))
        free = array("I", self._ends)
        for item, shard in enumerate(shard_of):
            self._items[free[shard]] = item
            free[shard] += 1
        self._order = array("I", range(count))

    def heaviest_first(self, weights: Sequence[float]) -> Shards:
        """Put the heaviest shard first, of equal ones that of the earliest item; return these."""
        totals = array("d", (sum(map(weights.__getitem__, shard)) for shard in self))
        order = sorted(self._order, key=self._first)
        self._order = array("I", sorted(order, key=totals.__getitem__, reverse=True))
        return self

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[array[int]]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> array[int]:
        shard = self._order[number]
        return self._items[self._ends[shard] : self._ends[shard + 1]]

    def _first(self, shard: int) -> int:
        return self._items[self._ends[shard]]


def packed(weights: Sequence[float], most: int, target: float = 0.0) -> Shards:
    """Return shards of at most `most` items each, balanced by weight.

    As few as `most` allows; with a `target`, as many as bring their mean weight down to it. So the
    heaviest exceeds the target by one item at most.
    """
    count = -(-len(weights) // most)
    if target:
        count = max(count, min(len(weights), math.ceil(sum(weights) / target)))
    return balanced(weights, count, most)


def balanced(weights: Sequence[float], count: int, most: int) -> Shards:
    """Return `count` shards, no more than items, of at most `most` items each, balanced by weight.

    Longest processing time first (Graham 1969): the heaviest item left goes to the lightest shard
    that has room. Deterministic. Items keep their order within a shard; the heaviest shard is the
    first, so that a run does not end waiting for it, and of equal ones that of the earliest item.
    """
    # Sorting keeps the order of equal ones, also in reverse.
    heaviest = array("I", sorted(range(len(weights)), key=weights.__getitem__, reverse=True))
    shard_of = array("I", bytes(4 * len(weights)))
    lightest: list[tuple[float, int, int]] = []
    for turn, item in enumerate(heaviest):
        # None stays empty: an item that weighs nothing goes to an empty one, too.
        weight, size, shard = (0.0, 0, turn) if turn < count else heapq.heappop(lightest)
        shard_of[item] = shard
        if size + 1 < most:
            heapq.heappush(lightest, (weight + weights[item], size + 1, shard))
    return Shards(shard_of, count).heaviest_first(weights)
