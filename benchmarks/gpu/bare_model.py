"""The floor: images a second of the model alone, its inputs on the device already."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel


@dataclass(frozen=True)
class Way:
    """How a model may compute: its weights, and what it computes with where that is mixed."""

    weights: torch.dtype
    mixed: torch.dtype | None = None
    layout: torch.memory_format = torch.contiguous_format

    def context(self, device: str) -> AbstractContextManager[object]:
        """Return the context of its forward passes."""
        return torch.autocast(device, dtype=self.mixed) if self.mixed else nullcontext()


WAYS = {
    "float32": Way(torch.float32),
    "bfloat16": Way(torch.bfloat16),
    "float16": Way(torch.float16),
    "float16, channels last": Way(torch.float16, layout=torch.channels_last),
    # As embed computes by VP_PRECISION.
    "mixed bfloat16": Way(torch.float32, mixed=torch.bfloat16),
    "mixed float16": Way(torch.float32, mixed=torch.float16),
}


@dataclass(frozen=True)
class Rate:
    """Images a second at one batch size; None where the batch does not fit the memory."""

    precision: str
    batch: int
    images_per_s: float | None


def rates(
    model: str, device: str, precisions: Sequence[str], batches: Sequence[int], least_s: float
) -> Iterator[Rate]:
    """Yield the rate of each of `WAYS` and batch size; after one that does not fit, no larger."""
    loaded: Any = AutoModel.from_pretrained(Path(model).expanduser(), trust_remote_code=False)
    side = loaded.config.vision_config.image_size
    for precision in precisions:
        way = WAYS[precision]
        ready = loaded.eval().to(device, way.weights, memory_format=way.layout)
        for batch in batches:
            pixels = torch.randn(batch, 3, side, side).to(
                device, way.weights, memory_format=way.layout
            )
            try:
                with way.context(device):
                    rate = _rate(ready, pixels, least_s)
                yield Rate(precision, batch, rate)
            except torch.OutOfMemoryError:
                yield Rate(precision, batch, None)
                break
    del loaded, ready
    torch.cuda.empty_cache()


def _rate(model: Any, pixels: torch.Tensor, least_s: float) -> float:
    with torch.inference_mode():
        for _ in range(2):
            model.get_image_features(pixels)
        _wait(pixels)
        passes, start = 0, time.perf_counter()
        while time.perf_counter() - start < least_s:
            model.get_image_features(pixels)
            # Passes are only queued on a GPU; without waiting, the clock would see none of them.
            _wait(pixels)
            passes += 1
        return passes * len(pixels) / (time.perf_counter() - start)


def _wait(tensor: torch.Tensor) -> None:
    if tensor.is_cuda:
        torch.cuda.synchronize(tensor.device)
