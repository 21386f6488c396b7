"""How often one address may ask: a token bucket each (RFC 2697 calls its size the burst)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from math import ceil

from workflows.serve.refusals import RefusedError

_BURST_S = 10
_MOST_ADDRESSES = 4096


class Rates:
    """Counts requests by address, of the latest some thousand addresses; 0 counts nothing."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, address: str) -> None:
        """Count a request.

        Raises:
            RefusedError: 429, there were too many; says when to come back.
        """
        if not self._rate:
            return
        now, most = self._clock(), self._rate * _BURST_S
        left, since = self._buckets.pop(address, (most, now))
        left = min(most, left + (now - since) * self._rate)
        if left < 1:
            self._buckets[address] = left, now
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"more than {self._rate:g} requests a second came from {address}",
                "ask more slowly, or raise VP_SERVE_RATE",
                {"Retry-After": str(ceil((1 - left) / self._rate))},
            )
        self._buckets[address] = left - 1, now
        if len(self._buckets) > _MOST_ADDRESSES:
            self._buckets.popitem(last=False)
