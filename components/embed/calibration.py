"""What this machine takes for bare forward passes."""

from __future__ import annotations

import time

import numpy as np
from PIL import Image

from components.base.gpu import has_gpu
from components.running.calibration import Calibration
from components.running.fingerprint import digest, settings_marks

_SECONDS = 1.0
# Another number has machines measured anew, where this version's passes take another time.
_PASSES = 2
# Height and width as frames often are; what the model takes does not depend on what it shows.
_SHAPE = (360, 640, 3)


def measure(due: Calibration) -> None:
    """Embed one picture again and again, and note what a frame takes, unless it is known.

    Raises:
        PipelineError: the model cannot be loaded.
    """
    settings = due.services.settings
    setup = digest(f"{_PASSES} {settings.embed.model_dump_json()}")
    if not due.is_due("forward", setup):
        return
    encoder = due.services.encoder
    noise = np.random.default_rng(0).integers(0, 255, _SHAPE, np.uint8)
    batch = [encoder.preprocess(Image.fromarray(noise))] * encoder.batch_size
    encoder.begin(batch)()
    start, cpu_start, frames = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < _SECONDS:
        encoder.begin(batch)()
        frames += len(batch)
    on_gpu = has_gpu() and settings.embed.device != "cpu"
    spent = time.perf_counter() - start if on_gpu else time.process_time() - cpu_start
    due.keep(
        "forward",
        setup,
        settings=settings_marks(settings).get("embed", ""),
        amount=frames,
        **{"gpu_s" if on_gpu else "cpu_s": spent / frames},
    )
