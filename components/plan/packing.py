"""Packing videos into shards of about equal work."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def packed(items: Sequence[T], weights: Sequence[float], most: int) -> list[list[T]]:
    """Return the fewest shards of at most `most` items each, balanced by weight.

    Longest processing time first (Graham 1969): the heaviest item left goes to the lightest shard
    that has room. Deterministic; items keep their order within a shard, shards that of their first.
    """
    shards: list[list[int]] = [[] for _ in range(-(-len(items) // most))]
    lightest = [(0.0, number) for number in range(len(shards))]
    for index in sorted(range(len(items)), key=lambda index: (-weights[index], index)):
        weight, number = heapq.heappop(lightest)
        shards[number].append(index)
        if len(shards[number]) < most:
            heapq.heappush(lightest, (weight + weights[index], number))
    return [[items[index] for index in shard] for shard in sorted(map(sorted, shards))]
