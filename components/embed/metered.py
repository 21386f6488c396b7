"""What the model takes of the CPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from components.encoders.encoder import Computed, Encoder, ModelInput


@dataclass
class _Counts:
    """Apart from both who count and who ask: in a circle, they would keep the model from going."""

    pictures: int = 0
    cpu_s: float = 0.0


class CpuMeter:
    """Counts the pictures that an encoder embeds, and the process's CPU seconds meanwhile.

    Those are of all threads, the ones that prepare the next pictures among them.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._counts = _Counts()
        # All that is asked of an encoder it answers itself.
        self.encoder = cast(Encoder, _Metered(encoder, self._counts))

    def cpu_seconds(self, pictures: int) -> float:
        """Return what so many pictures took, as the mean of all so far."""
        counts = self._counts
        return counts.cpu_s / counts.pictures * pictures if counts.pictures else 0.0


class _Metered:
    def __init__(self, encoder: Encoder, counts: _Counts) -> None:
        self._encoder, self._counts = encoder, counts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def begin(self, pictures: Sequence[ModelInput]) -> Callable[[], Computed]:
        start = time.process_time()
        finished = self._encoder.begin(pictures)
        self._counts.pictures += len(pictures)
        self._counts.cpu_s += time.process_time() - start
        return finished
