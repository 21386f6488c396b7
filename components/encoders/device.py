"""Where a model runs: device, precision, threads, and batches that fit its memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import numpy as np
import torch

from components.base.logs import log
from components.base.vectors import Vectors
from components.errors import ConfigurationError, TransientError
from components.settings import EmbedSettings

Input = TypeVar("Input")

_PRECISIONS = {"bfloat16": torch.bfloat16, "float16": torch.float16}
# Where VP_BATCH_SIZE is "auto": convnets and small transformers are fastest on a CPU while a batch
# fits its caches; a GPU needs many pictures to be busy, and what does not fit it is halved.
_AUTO_BATCH = {"cpu": 8, "cuda": 256}


class Device:
    """The device that the settings choose, and how forward passes run on it.

    `gpu_s` counts the seconds in which a GPU computed (see `computing`); None where there is none.
    """

    def __init__(self, settings: EmbedSettings) -> None:
        """
        Raises:
            ConfigurationError: there is no such device here.
        """
        self.torch = chosen_device(settings.device)
        self._precision = settings.precision
        self.gpu_s: float | None = 0.0 if self.torch.type == "cuda" else None
        if settings.batch_size == "auto":
            self.batch_size = _AUTO_BATCH.get(self.torch.type, 8)
        else:
            self.batch_size = settings.batch_size
        if settings.threads:
            torch.set_num_threads(settings.threads)

    def precision(self) -> AbstractContextManager[object]:
        """Return the context for a forward pass: on a GPU, "auto" is mixed with float16."""
        wanted = self._precision
        if wanted == "auto" and self.torch.type == "cuda":
            wanted = "float16"
        if wanted in _PRECISIONS:
            return torch.autocast(self.torch.type, dtype=_PRECISIONS[wanted])
        return nullcontext()

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Add to `gpu_s` what a GPU takes for the block, whose work is done when it is left."""
        if self.gpu_s is None:
            yield
            return
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        start.record()
        yield
        end.record()
        end.synchronize()
        self.gpu_s += start.elapsed_time(end) / 1000

    def in_batches(
        self, inputs: Sequence[Input], forward: Callable[[Sequence[Input]], Vectors]
    ) -> Vectors:
        """Return the rows for all inputs, at most `batch_size` in a forward pass.

        A batch that does not fit the GPU's memory is halved, and so are all after it.

        Raises:
            TransientError: not even one input fits.
        """
        rows: list[Vectors] = []
        start = 0
        while start < len(inputs):
            batch = inputs[start : start + self.batch_size]
            try:
                rows.append(forward(batch))
                start += len(batch)
                continue
            except torch.OutOfMemoryError as error:
                if len(batch) == 1:
                    raise TransientError(
                        "the GPU has no memory left for one frame; free it or use a smaller "
                        "CLIP_MODEL"
                    ) from error
            # Only now that its error is gone is the failed pass's memory free.
            torch.cuda.empty_cache()
            self.batch_size = len(batch) // 2
            log.warning(
                "a batch of %d does not fit the GPU, from now on %d; lower VP_BATCH_SIZE",
                len(batch),
                self.batch_size,
            )
        return np.concatenate(rows)


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
