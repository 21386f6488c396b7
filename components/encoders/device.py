"""Where a model runs: device, precision, threads, and batches that fit its memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TypeVar

import numpy as np
import torch

from components.base.logs import log
from components.encoders.encoder import Computed, normalized
from components.errors import ConfigurationError, TransientError
from components.settings import EmbedSettings

Input = TypeVar("Input")

_PRECISIONS = {"bfloat16": torch.bfloat16, "float16": torch.float16}
# Where VP_BATCH_SIZE is "auto": convnets and small transformers are fastest on a CPU while a batch
# fits its caches; a GPU needs many pictures to be busy, and what does not fit it is halved.
_AUTO_BATCH = {"cpu": 8, "cuda": 256}


class Device:
    """The device that the settings choose, and how forward passes run on it."""

    def __init__(self, settings: EmbedSettings) -> None:
        """
        Raises:
            ConfigurationError: there is no such device here.
        """
        self.torch = chosen_device(settings.device)
        self._precision = settings.precision
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

    def begin(self, compute: Callable[[], torch.Tensor]) -> Callable[[], Computed]:
        """Begin a forward pass, a row a picture; return what waits for it and normalizes them.

        A GPU has only been told what to do when this returns, and takes up the next pass, if it is
        begun meanwhile, as soon as this one is over.
        """
        with torch.inference_mode(), self.precision():
            if self.torch.type != "cuda":
                return partial(Computed, normalized(compute().float().numpy()))
            stream = torch.cuda.current_stream(self.torch)
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            start.record(stream)
            rows = compute().float()
            # The way back is queued behind this pass; asked for later, it would be behind the next.
            fetched = torch.empty_like(rows, device="cpu", pin_memory=True)
            fetched.copy_(rows, non_blocking=True)
            end.record(stream)

        def finished() -> Computed:
            end.synchronize()
            return Computed(normalized(fetched.numpy()), start.elapsed_time(end) / 1000)

        return finished

    def in_batches(
        self,
        inputs: Sequence[Input],
        forward: Callable[[Sequence[Input]], Callable[[], Computed]],
    ) -> Callable[[], Computed]:
        """Begin forward passes over all inputs, at most `batch_size` in each; see `begin`.

        A batch that does not fit the GPU's memory is halved, and so are all after it.

        Raises:
            TransientError: not even one input fits.
        """
        begun: list[Callable[[], Computed]] = []
        start = 0
        while start < len(inputs):
            batch = inputs[start : start + self.batch_size]
            try:
                begun.append(forward(batch))
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
        return lambda: _joined([finished() for finished in begun])


def _joined(parts: Sequence[Computed]) -> Computed:
    times = [part.gpu_s for part in parts if part.gpu_s is not None]
    return Computed(np.concatenate([part.rows for part in parts]), sum(times) if times else None)


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
