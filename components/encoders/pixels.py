"""Pictures as a transformers model takes them: resized on the CPU, scaled on the device.

A picture waits, is batched and travels as bytes, a quarter of its floats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from transformers import AutoImageProcessor

Inputs = Mapping[str, torch.Tensor]

_PIXELS = "pixel_values"


class PixelInputs:
    """Resizes and crops pictures as the model's own processor does, and makes batches of them."""

    def __init__(self, where: str, device: torch.device, **options: str) -> None:
        """
        Args:
            where: Folder or hub id of the model.
            options: For transformers, such as the revision.

        Raises:
            OSError, ValueError: transformers cannot load the processor.
        """
        # The other implementation, torchvision's, resizes to slightly different pixels, and runs
        # all cores' threads for one picture: side by side they stand in each other's way.
        self._processor: Any = AutoImageProcessor.from_pretrained(
            where, use_fast=False, trust_remote_code=False, **options
        )
        self._device = device
        self._pinned: torch.Tensor | None = None
        self._of_bytes = self._gives_bytes()
        if self._of_bytes:
            self._factor = float(getattr(self._processor, "rescale_factor", 1 / 255))
            self._mean = self._a_channel(self._processor.image_mean)
            self._std = self._a_channel(self._processor.image_std)

    def prepare(self, image: Image.Image) -> Inputs:
        """Return one RGB picture, each of its tensors with a first dimension of 1.

        Safe to call from several threads.
        """
        if self._of_bytes:
            return self._resized(image)
        return dict(self._processor(images=image, return_tensors="pt"))

    def batch(self, pictures: Sequence[Inputs]) -> dict[str, torch.Tensor]:
        """Return prepared pictures as one batch on the device; for one thread at a time."""
        if not self._of_bytes:
            return {
                name: torch.cat([picture[name] for picture in pictures]).to(self._device)
                for name in pictures[0]
            }
        pixels = self._on_device([picture[_PIXELS] for picture in pictures]).float()
        return {_PIXELS: pixels.mul_(self._factor).sub_(self._mean).div_(self._std)}

    def _gives_bytes(self) -> bool:
        """Return whether all that the processor does after resizing is to scale each channel."""
        if not (
            getattr(self._processor, "do_rescale", False)
            and getattr(self._processor, "do_normalize", False)
        ):
            return False
        found = self._resized(Image.new("RGB", (32, 32)))
        pixels = found.get(_PIXELS)
        return (
            set(found) == {_PIXELS}
            and pixels is not None
            and pixels.dtype == torch.uint8
            and pixels.ndim == 4
            and pixels.shape[:2] == (1, 3)
        )

    def _resized(self, image: Image.Image) -> Inputs:
        return dict(
            self._processor(images=image, do_rescale=False, do_normalize=False, return_tensors="pt")
        )

    def _a_channel(self, values: float | Sequence[float]) -> torch.Tensor:
        whole = torch.tensor(values, dtype=torch.float32, device=self._device)
        return whole.expand(3).reshape(1, 3, 1, 1)

    def _on_device(self, pixels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the pictures on the device; for a GPU by way of memory that it reads itself."""
        if self._device.type != "cuda":
            return torch.cat(list(pixels)).to(self._device)
        shape = (len(pixels), *pixels[0].shape[1:])
        if self._pinned is None or len(self._pinned) < len(pixels):
            # Kept from batch to batch: to pin memory takes longer than to fill it.
            self._pinned = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        filled = torch.cat(list(pixels), out=self._pinned[: len(pixels)])
        # The vectors of this batch are waited for before the next one fills the memory again.
        return filled.to(self._device, non_blocking=True)
