"""Where a model runs: device, precision, and batches that fit its memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import numpy as np
import torch

from components.encoders.encoder import Vectors
from components.errors import ConfigurationError, TransientError
from components.logs import log

Input = TypeVar("Input")


def chosen_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is CUDA where there is one, else the CPU.

    Raises:
        ConfigurationError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigurationError(
            f"VP_DEVICE: expected auto, cpu, cuda or cuda:N, found {name!r}"
        ) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigurationError(
            f"VP_DEVICE={name}, but PyTorch sees {torch.cuda.device_count()} CUDA devices here; "
            "use auto or cpu, or install a CUDA build of torch"
        )
    return device


def precision(device: torch.device) -> AbstractContextManager[object]:
    """Return the context for a forward pass: mixed precision on a GPU, float32 on a CPU."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.float16)
    return nullcontext()


def halving(inputs: Sequence[Input], forward: Callable[[Sequence[Input]], Vectors]) -> Vectors:
    """Return the rows for all inputs; a batch that does not fit the GPU's memory is halved.

    Raises:
        TransientError: not even one input fits.
    """
    try:
        return forward(inputs)
    except torch.OutOfMemoryError as error:
        if len(inputs) == 1:
            raise TransientError(
                "the GPU has no memory left for one frame; free it or use a smaller CLIP_MODEL"
            ) from error
    torch.cuda.empty_cache()
    middle = len(inputs) // 2
    log.warning("batch of %d does not fit the GPU, halved; lower VP_BATCH_SIZE", len(inputs))
    return np.concatenate([halving(inputs[:middle], forward), halving(inputs[middle:], forward)])
