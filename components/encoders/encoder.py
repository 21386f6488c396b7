"""What an encoder does, whatever the model behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from components.base.vectors import Vectors

if TYPE_CHECKING:
    from PIL import Image

    from components.encoders.scaling import Pixels, Scaling

# A picture as its model takes it: only the encoder that made it looks inside.
ModelInput = Any


@dataclass(frozen=True)
class Computed:
    """What came of preprocessed pictures: a row each, (pictures, dim).

    `gpu_s` are the seconds in which a GPU computed them; None where there is none, or it does not
    tell.
    """

    rows: Vectors
    gpu_s: float | None = None


class TextEncoder(Protocol):
    """Embeds texts into the space of an encoder's pictures; rows are L2-normalized float32."""

    name: str
    dim: int

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text: (len(texts), dim)."""
        ...


@dataclass(frozen=True)
class Reach:
    """What a model tells of texts, (texts,) each.

    `most` is how high a picture of each may score, above 0 and at most 1; `known` whether the text
    means anything to the model.
    """

    most: Vectors
    known: NDArray[np.bool_]


@runtime_checkable
class KnowsReach(Protocol):
    """A text encoder that can tell how high a picture of what a text names may score."""

    def reach(self, texts: Vectors) -> Reach:
        """Return it for each row of `texts`."""
        ...


def reach_of(encoder: TextEncoder, texts: Vectors) -> Reach:
    """Return what scores of texts are measured by: 1, and known, where the model cannot tell."""
    if isinstance(encoder, KnowsReach):
        return encoder.reach(texts)
    return Reach(np.ones(len(texts), np.float32), np.ones(len(texts), np.bool_))


class Encoder(TextEncoder, Protocol):
    """Embeds pictures and texts into the same space; rows are L2-normalized float32.

    `batch_size` is how many pictures a forward pass takes: what VP_BATCH_SIZE says, or less once
    that did not fit the GPU.
    """

    @property
    def batch_size(self) -> int: ...

    @property
    def scaling(self) -> Scaling | None:
        """What `preprocess` does of its work first; None where it does all of it at once."""
        ...

    def preprocess(self, image: Image.Image) -> ModelInput:
        """Return the picture as the model takes it; safe to call from several threads."""
        ...

    def of_pixels(self, pixels: Pixels) -> ModelInput:
        """Return what `preprocess` gives for the picture that `scaling` made these pixels of."""
        ...

    def begin(self, pictures: Sequence[ModelInput]) -> Callable[[], Computed]:
        """Begin to embed preprocessed pictures; return what waits for the end of it.

        A GPU computes meanwhile, and may be given more; a CPU has computed before this returns. It
        is called by one thread at a time; to wait is for any.
        """
        ...

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Return one row a picture: (len(images), dim)."""
        ...


def normalized(vectors: NDArray[np.floating]) -> Vectors:
    """Return the rows scaled to length 1; a row of zeros stays one."""
    rows: Vectors = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vectors = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit
