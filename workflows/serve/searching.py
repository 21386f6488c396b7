"""Search with everything warm: the model's sides loaded once, texts embedded once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from components.base.together import Together
from components.encoders.encoder import Reach, TextEncoder, reach_of
from components.running.services import Services
from components.settings import Settings
from workflows.local.first_run import require_collection
from workflows.local.indexed_model import with_model_of
from workflows.search.answer import Answer
from workflows.search.ask import Asker
from workflows.search.question import Question
from workflows.search.sides import ModelSides

if TYPE_CHECKING:
    from components.base.vectors import Vectors

_TEXTS = 4096
_LOOK_AGAIN_S = 10.0


class RememberedTexts:
    """A text encoder that embeds no text twice, of the latest some thousand.

    New texts of several threads are embedded in one forward pass, which takes little longer than
    that of one: most of it is reading the model's weights.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self.name, self.dim = encoder.name, encoder.dim
        self._lock = threading.Lock()
        self._rows: OrderedDict[str, Vectors] = OrderedDict()
        # Knows the encoder alone: in a circle with this, it would keep a model that nobody needs.
        self._new = Together(partial(_embedded_together, encoder))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text: (len(texts), dim)."""
        with self._lock:
            known = {text: self._rows[text] for text in texts if text in self._rows}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, self._new.ask(missing), strict=True))
        with self._lock:
            for text in texts:
                self._rows[text] = known[text]
                self._rows.move_to_end(text)
            while len(self._rows) > _TEXTS:
                self._rows.popitem(last=False)
        return np.stack([known[text] for text in texts])

    def reach(self, texts: Vectors) -> Reach:
        """Return what the encoder says of it."""
        return reach_of(self._encoder, texts)


def _embedded_together(encoder: TextEncoder, asked: list[list[str]]) -> list[list[Vectors]]:
    texts = list(dict.fromkeys(chain.from_iterable(asked)))
    rows = dict(zip(texts, encoder.embed_texts(texts), strict=True))
    return [[rows[text] for text in own] for own in asked]


class RememberingSides(ModelSides):
    """The sides of a model, of which the text side remembers the vectors of texts."""

    def _load_texts(self) -> TextEncoder:
        return RememberedTexts(super()._load_texts())


class Searching:
    """Answers questions with one asker for all requests; safe to share between threads."""

    def __init__(self, services: Services, deployment: Settings) -> None:
        self._services, self._deployment = services, deployment
        self._lock = threading.Lock()
        self._asker: Asker | None = None
        self._model: str | None = None
        self._looked_at = 0.0

    def warm(self) -> None:
        """Load the model's sides and what scores are calibrated by."""
        self.asker().warm()

    def close(self) -> None:
        """Let go of the model."""
        with self._lock:
            self._asker = None

    def answer(self, question: Question, page: int | None = None) -> Answer:
        """Return the moments that fit, or those that come closest and that nothing fits.

        Args:
            page: As for `Asker.answer`.

        Raises:
            ConfigurationError: there is no collection, or the frame asked for is not in it.
            TransientError: the store does not answer, or the first run has indexed nothing yet.
        """
        return self.asker().answer(question, page)

    def asker(self) -> Asker:
        """Return what asks the collection, by its model, which a switch may have changed."""
        with self._lock:
            known = self._asker
            if known is not None and time.monotonic() < self._looked_at + _LOOK_AGAIN_S:
                return known
            collection = self._services.collection
            indexed = collection.model()
            if indexed is None:
                require_collection(collection, self._deployment)
            settings = self._deployment
            if known is None or indexed != self._model:
                if indexed is not None:
                    settings = with_model_of(settings, indexed, collection.dim)
                self._asker = Asker(collection, settings, RememberingSides(settings))
                self._model = indexed
            self._looked_at = time.monotonic()
            assert self._asker is not None
            return self._asker
