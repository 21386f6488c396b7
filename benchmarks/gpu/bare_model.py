"""The floor: images a second of the model alone, its inputs on the device already."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Rate:
    """Images a second at one batch size; None where the batch does not fit the memory."""

    precision: str
    batch: int
    images_per_s: float | None


def rates(
    model: str, device: str, precisions: Sequence[str], batches: Sequence[int], least_s: float
) -> Iterator[Rate]:
    """Yield the rate of each precision and batch size; after one that does not fit, no larger.

    The weights are of that precision, which is less work than the mixed precision that embed
    computes with.
    """
    loaded: Any = AutoModel.from_pretrained(Path(model).expanduser(), trust_remote_code=False)
    side = loaded.config.vision_config.image_size
    for precision in precisions:
        ready = loaded.eval().to(device, DTYPES[precision])
        for batch in batches:
            pixels = torch.randn(batch, 3, side, side).to(device, DTYPES[precision])
            try:
                yield Rate(precision, batch, _rate(ready, pixels, least_s))
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
