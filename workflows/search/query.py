"""Finds frames by text or by picture."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from components.base.model_names import identity
from components.records.frame_names import point_id
from components.settings import Settings
from components.stores.vectors.open import open_store
from components.stores.vectors.store import Collection, Hit
from workflows.local.indexed_model import with_model_of
from workflows.local.stand_ins import frame_location
from workflows.search.question import picture_file

if TYPE_CHECKING:
    from PIL import Image

    from components.encoders.encoder import Encoder, TextEncoder


class Found(Hit):
    """A frame that a search found; `location` is its file, or its s3:// URI, to be opened."""

    location: str = ""


class Searcher:
    """Searches a collection with its own model, of which it loads the side that a query needs."""

    def __init__(self, collection: Collection, settings: Settings) -> None:
        self._collection, self._settings = collection, settings

    def find(
        self,
        query: str | Path,
        *,
        limit: int,
        platform: str | None = None,
        code: str | None = None,
    ) -> list[Found]:
        """Return the frames that fit a text, or the picture in a file, best first.

        Raises:
            ConfigurationError: the file is not a picture, or the model cannot be loaded.
        """
        if isinstance(query, Path):
            vectors = self._pictures.embed_images([picture(query, self._settings)])
        else:
            vectors = self._texts.embed_texts([query])
        vector: Sequence[float] = vectors[0].tolist()
        return [
            Found(**dict(hit), location=frame_location(self._settings, hit.path))
            for hit in self._collection.search(vector, limit, platform, code)
        ]

    @property
    def model(self) -> str:
        """The identity of the collection's model."""
        return identity(self._settings.embed.model)

    def vectors(
        self, frames: Sequence[tuple[str, str, int]]
    ) -> dict[tuple[str, str, int], list[float]]:
        """Return the vectors of frames, by platform, code and number."""
        ids = {point_id(*frame): frame for frame in frames}
        found = self._collection.vectors(list(ids))
        return {ids[point]: vector for point, vector in found.items()}

    @cached_property
    def _texts(self) -> TextEncoder:
        from components.encoders.load import load_text_encoder

        return load_text_encoder(self._settings.embed)

    @cached_property
    def _pictures(self) -> Encoder:
        from components.encoders.load import load_encoder

        return load_encoder(self._settings.embed)


@contextmanager
def searcher(settings: Settings) -> Iterator[Searcher]:
    """Give what searches the collection that the settings name.

    The model is always the collection's own; of CLIP_MODEL only a folder matters that holds it.

    Raises:
        ConfigurationError: there is no collection, or its model is a folder that CLIP_MODEL does
            not name.
        TransientError: the store does not answer.
    """
    with closing(open_store(settings.index)) as store:
        collection = store.collection()
        indexed = collection.model()
        if indexed is None:
            collection.require()
        else:
            settings = with_model_of(settings, indexed, collection.dim)
        yield Searcher(collection, settings)


def picture(path: Path, settings: Settings) -> Image.Image:
    """Return the picture in a file, decoded in a confined worker.

    Raises:
        ConfigurationError: there is none.
    """
    from PIL import Image

    from workflows.search.pictures import plain_picture_of_command

    plain = plain_picture_of_command(settings, picture_file(path) or b"")
    return Image.open(io.BytesIO(plain), formats=["PNG"]).convert("RGB")
