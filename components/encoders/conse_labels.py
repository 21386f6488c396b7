"""The vectors of ImageNet's class names, which ConSE mixes a picture's vector from.

They lie beside this module, so that embedding pictures loads no text model. They follow from the
class names, the caption and MiniLM alone; `python -m components.encoders.conse_labels` makes them
anew when one of these changes.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np

from components.base.vectors import Vectors

_HERE = resources.files(__package__)
_VECTORS = "imagenet_labels.npy"


def captions() -> list[str]:
    """Return the caption of each class, in the classifier's order."""
    labels = _HERE.joinpath("imagenet_classes.txt").read_text().splitlines()
    return [f"a photo of a {label}" for label in labels]


def label_vectors() -> Vectors:
    """Return the captions' vectors, (1000, 384), each of length 1."""
    with _HERE.joinpath(_VECTORS).open("rb") as file:
        vectors: Vectors = np.load(file, allow_pickle=False)
    return vectors


def main() -> None:
    """Write the vectors of all captions beside this module."""
    from components.encoders.minilm import SentenceEncoder

    np.save(Path(__file__).with_name(_VECTORS), SentenceEncoder().embed(captions()))


if __name__ == "__main__":
    main()
