"""The same model for everybody, and seconds by step."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders.contender import BATCH, MODEL

if TYPE_CHECKING:
    from components.base.vectors import Vectors
    from components.encoders.encoder import Encoder


class Steps:
    """Seconds of work by step."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the time of the block to the step's."""
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start  # type: ignore[assignment]

    def rounded(self) -> dict[str, float]:
        """Return the seconds to the millisecond."""
        return {name: round(seconds, 3) for name, seconds in self.seconds.items()}


def encoder() -> Encoder:
    """Load the model that all contenders use."""
    from components.encoders.load import load_encoder
    from components.settings import EmbedSettings

    return load_encoder(EmbedSettings(CLIP_MODEL=MODEL))


def embedded(model: Encoder, files: Sequence[Path]) -> Vectors:
    """Return the vectors of picture files, eight a forward pass: (files, dim)."""
    import numpy as np
    from PIL import Image

    rows = []
    for first in range(0, len(files), BATCH):
        pictures = [Image.open(file) for file in files[first : first + BATCH]]
        rows.append(model.embed_images(pictures))
    return np.concatenate(rows)
