"""Search with everything warm: the model's sides loaded once, texts embedded once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.encoders.encoder import TextEncoder
from components.records.frame_names import point_id
from components.running.services import Services
from components.settings import Settings
from workflows.local.indexed_model import with_model_of
from workflows.local.stand_ins import frame_location
from workflows.search.query import Found, Searcher
from workflows.serve.refusals import RefusedError

if TYPE_CHECKING:
    from components.base.vectors import Vectors

_TEXTS = 4096


class RememberedTexts:
    """A text encoder that embeds no text twice, of the latest some thousand."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self.name, self.dim = encoder.name, encoder.dim
        self._lock = threading.Lock()
        self._rows: OrderedDict[str, Vectors] = OrderedDict()

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text: (len(texts), dim)."""
        with self._lock:
            known = {text: self._rows[text] for text in texts if text in self._rows}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, self._encoder.embed_texts(missing), strict=True))
        with self._lock:
            for text in texts:
                self._rows[text] = known[text]
                self._rows.move_to_end(text)
            while len(self._rows) > _TEXTS:
                self._rows.popitem(last=False)
        return np.stack([known[text] for text in texts])


class Searching:
    """Answers searches; safe to share between threads.

    Methods raise ConfigurationError where there is no collection, TransientError where the store
    does not answer.
    """

    def __init__(self, services: Services, deployment: Settings) -> None:
        self._services, self._deployment = services, deployment
        self._lock = threading.Lock()
        self._searcher: Searcher | None = None
        self._model: str | None = None

    def warm(self) -> None:
        """Load what searches need, and search once."""
        self.searcher().find("a picture", limit=1)

    def by_text(self, text: str, limit: int, platform: str, code: str) -> list[Found]:
        """Return the frames that fit a text, best first."""
        return self.searcher().find(text, limit=limit, platform=platform or None, code=code or None)

    def by_picture(self, path: Path, limit: int, platform: str, code: str) -> list[Found]:
        """Return the frames that look like the picture in a file, best first."""
        return self.searcher().find(path, limit=limit, platform=platform or None, code=code or None)

    def like(self, platform: str, code: str, number: int, limit: int) -> list[Found]:
        """Return the frames that look like one of the collection's, without that one.

        Raises:
            RefusedError: 404, it is not in the collection.
        """
        collection = self._services.collection
        name = point_id(platform, code, number)
        vector = collection.vectors([name]).get(name)
        if vector is None:
            raise RefusedError(
                404, f"{platform}/{code} has no frame {number}", "GET /api/videos shows its frames"
            )
        found = [
            Found(**dict(hit), location=frame_location(self._deployment, hit.path))
            for hit in collection.search(vector, limit + 1)
        ]
        this = (platform, code, number)
        return [hit for hit in found if (hit.platform, hit.code, hit.frame_number) != this][:limit]

    def searcher(self) -> Searcher:
        """Return what searches with the collection's model, which a switch may have changed."""
        collection = self._services.collection
        indexed = collection.model()
        if indexed is None:
            collection.require()
        with self._lock:
            if self._searcher is None or indexed != self._model:
                settings = self._deployment
                if indexed is not None:
                    settings = with_model_of(settings, indexed, collection.dim)
                self._searcher, self._model = Searcher(collection, settings), indexed
            return self._searcher
