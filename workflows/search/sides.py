"""The two sides of a collection's model, each loaded when a question first needs it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from components.base.model_names import identity
from components.encoders.encoder import Reach, reach_of
from components.settings import Settings

if TYPE_CHECKING:
    from components.base.vectors import Vectors
    from components.encoders.encoder import Encoder, TextEncoder


class ModelSides:
    """Embeds texts and pictures by the model that the settings name; safe to share by threads."""

    def __init__(self, settings: Settings, loaded: Encoder | None = None) -> None:
        """
        Args:
            loaded: The model, where it is in memory already.
        """
        self._settings = settings
        self._lock = threading.RLock()
        self._text_side: TextEncoder | None = loaded
        self._picture_side: Encoder | None = loaded

    @property
    def model(self) -> str:
        """The model's identity."""
        return identity(self._settings.embed.model)

    def texts(self) -> TextEncoder:
        """Return the side that embeds texts.

        Raises:
            ConfigurationError: the model cannot be loaded.
        """
        with self._lock:
            if self._text_side is None:
                self._text_side = self._load_texts()
            return self._text_side

    def pictures(self) -> Encoder:
        """Return the side that embeds pictures.

        Raises:
            ConfigurationError: the model cannot be loaded.
        """
        with self._lock:
            if self._picture_side is None:
                from components.encoders.load import load_encoder

                self._picture_side = load_encoder(self._settings.embed)
            return self._picture_side

    def reach(self, texts: Vectors) -> Reach:
        """Return how high a picture of each text may score, and which the model knows."""
        return reach_of(self.texts(), texts)

    def _load_texts(self) -> TextEncoder:
        from components.encoders.load import load_text_encoder

        return load_text_encoder(self._settings.embed)
