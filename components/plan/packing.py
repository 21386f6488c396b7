"""Packing videos into shards of about equal work."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def packed(
    items: Sequence[T], weights: Sequence[float], most: int, target: float = 0.0
) -> list[list[T]]:
    """Return shards of at most `most` items each, balanced by weight.

    As few as `most` allows; with a `target`, as many as bring their mean weight down to it. So the
    heaviest exceeds the target by one item at most.
    """
    count = -(-len(items) // most)
    if target:
        count = max(count, min(len(items), math.ceil(sum(weights) / target)))
    return balanced(items, weights, count, most)


def balanced(items: Sequence[T], weights: Sequence[float], count: int, most: int) -> list[list[T]]:
    """Return `count` shards of at most `most` items each, balanced by weight.

    Longest processing time first (Graham 1969): the heaviest item left goes to the lightest shard
    that has room. Deterministic. Items keep their order within a shard; the heaviest shard is the
    first, so that a run does not end waiting for it, and of equal ones that of the earliest item.
    """
    shards: list[list[int]] = [[] for _ in range(count)]
    # Of shards that weigh nothing yet, an empty one comes first, so that none stays empty.
    lightest = [(0.0, 0, number) for number in range(count)]
    for index in sorted(range(len(items)), key=lambda index: (-weights[index], index)):
        weight, size, number = heapq.heappop(lightest)
        shards[number].append(index)
        if size + 1 < most:
            heapq.heappush(lightest, (weight + weights[index], size + 1, number))
    ordered = sorted(
        map(sorted, shards), key=lambda shard: (-sum(map(weights.__getitem__, shard)), shard)
    )
    return [[items[index] for index in shard] for shard in ordered]
