"""What the model takes of the CPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from components.encoders.encoder import Computed, Encoder, ModelInput


class CpuMeter:
    """Counts the pictures that an encoder embeds, and the process's CPU seconds meanwhile.

    Those are of all threads, the ones that prepare the next pictures among them.
    """

    def __init__(self, encoder: Encoder) -> None:
        # All that is asked of an encoder it answers itself.
        self.encoder = cast(Encoder, _Metered(encoder, self))
        self._pictures, self._cpu_s = 0, 0.0

    def add(self, pictures: int, cpu_s: float) -> None:
        """Count what a forward pass took."""
        self._pictures += pictures
        self._cpu_s += cpu_s

    def cpu_seconds(self, pictures: int) -> float:
        """Return what so many pictures took, as the mean of all so far."""
        return self._cpu_s / self._pictures * pictures if self._pictures else 0.0


class _Metered:
    def __init__(self, encoder: Encoder, meter: CpuMeter) -> None:
        self._encoder, self._meter = encoder, meter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def begin(self, pictures: Sequence[ModelInput]) -> Callable[[], Computed]:
        start = time.process_time()
        finished = self._encoder.begin(pictures)
        self._meter.add(len(pictures), time.process_time() - start)
        return finished
