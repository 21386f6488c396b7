"""Pictures as a transformers model takes them: resized on the CPU, scaled on the device.

A picture waits, is batched and travels as bytes, a quarter of its floats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor

from components.encoders.scaling import Pixels, Scaling, ShorterSide, Whole

Inputs = Mapping[str, torch.Tensor]

_PIXELS = "pixel_values"
# Upright, lying, square, smaller than what models want, and of odd sides.
_PROBED = ((64, 48), (47, 91), (640, 361), (500, 500), (333, 1024))


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
        self._copies = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._of_bytes = self._gives_bytes()
        self.scaling = self._scaling_by_pillow() if self._of_bytes else None
        if self._of_bytes:
            self._factor = float(getattr(self._processor, "rescale_factor", 1 / 255))
            self._mean = self._a_channel(self._processor.image_mean)
            self._std = self._a_channel(self._processor.image_std)

    def prepare(self, image: Image.Image) -> Inputs:
        """Return one RGB picture, each of its tensors with a first dimension of 1.

        Safe to call from several threads.
        """
        if self.scaling:
            return self.of_pixels(self.scaling(image))
        if self._of_bytes:
            return self._resized(image)
        return dict(self._processor(images=image, return_tensors="pt"))

    def of_pixels(self, pixels: Pixels) -> Inputs:
        """Return what `prepare` returns for the picture that `scaling` made these pixels of."""
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        return {_PIXELS: torch.from_numpy(planes)[None]}

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

    def _scaling_by_pillow(self) -> Scaling | None:
        """Return the scaling that gives what the processor gives, which is seen by trying.

        The processor copies a picture several times while it holds the interpreter's lock, so that
        many cores prepare no more pictures than four do; Pillow lets go of it.
        """
        random = np.random.default_rng(0)
        try:
            scaling = self._described_scaling()
            for width, height in _PROBED:
                image = Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))
                ours, wanted = self.of_pixels(scaling(image)), self._resized(image)
                if not torch.equal(ours[_PIXELS], wanted[_PIXELS]):
                    return None
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        return scaling

    def _described_scaling(self) -> Scaling:
        """Return what the processor's own settings describe."""
        processor = self._processor
        size, resample = processor.size, Image.Resampling(processor.resample)
        cropped = (
            (processor.crop_size["width"], processor.crop_size["height"])
            if getattr(processor, "do_center_crop", False)
            else None
        )
        shorter = size.get("shortest_edge")
        if shorter and cropped:
            return ShorterSide(shorter, cropped, resample)
        whole = size["width"], size["height"]
        if cropped not in (None, whole):
            raise ValueError(f"{whole} cut to {cropped}")
        return Whole(whole, resample)

    def _a_channel(self, values: float | Sequence[float]) -> torch.Tensor:
        whole = torch.tensor(values, dtype=torch.float32, device=self._device)
        return whole.expand(3).reshape(1, 3, 1, 1)

    def _on_device(self, pixels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the pictures on the device; for a GPU by way of memory that it reads itself.

        It does so while it computes the batch before.
        """
        # PyTorch keeps pinned memory, and gives it again once it has been read.
        gathered = torch.empty(
            (len(pixels), *pixels[0].shape[1:]),
            dtype=torch.uint8,
            pin_memory=self._copies is not None,
        )
        # PyTorch would wake all cores' threads for what one does in a millisecond.
        np.concatenate([picture.numpy() for picture in pixels], out=gathered.numpy())
        if self._copies is None:
            return gathered.to(self._device)
        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._copies):
            arrived = gathered.to(self._device, non_blocking=True)
        computing.wait_stream(self._copies)
        arrived.record_stream(computing)
        return arrived
