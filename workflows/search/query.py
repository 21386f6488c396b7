"""Finds frames by text or by picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from components.base.model_names import setting_for
from components.encoders.encoder import Encoder
from components.encoders.load import load_encoder
from components.errors import ConfigurationError
from components.settings import Settings
from components.stores.vectors.open import open_store
from components.stores.vectors.store import Collection, Hit


class Searcher:
    """Searches a collection with the model that it was made with."""

    def __init__(self, collection: Collection, encoder: Encoder) -> None:
        self._collection, self._encoder = collection, encoder

    def find(
        self,
        query: str | Path,
        *,
        limit: int,
        platform: str | None = None,
        code: str | None = None,
    ) -> list[Hit]:
        """Return the frames that fit a text, or the picture in a file, best first.

        Raises:
            ConfigurationError: the file is not a picture.
        """
        if isinstance(query, Path):
            vectors = self._encoder.embed_images([_picture(query)])
        else:
            vectors = self._encoder.embed_texts([query])
        vector: Sequence[float] = vectors[0].tolist()
        return self._collection.search(vector, limit, platform, code)


@contextmanager
def searcher(settings: Settings) -> Iterator[Searcher]:
    """Give what searches the collection that the settings name.

    The model is the collection's own. CLIP_MODEL, where set, is taken at its word: a mismatch is
    then reported rather than hidden.

    Raises:
        ConfigurationError: there is no collection, or another model made it.
        TransientError: the store does not answer.
    """
    with closing(open_store(settings.index)) as store:
        collection = store.collection()
        indexed = collection.model()
        if indexed is None:
            collection.require()
        encoder = load_encoder(with_indexed_model(settings, indexed).embed)
        if indexed not in (None, encoder.name):
            raise ConfigurationError(
                f"collection {settings.index.collection!r} holds vectors of {indexed}, the "
                f"query would be one of {encoder.name}; unset CLIP_MODEL to use the collection's "
                "model"
            )
        yield Searcher(collection, encoder)


def with_indexed_model(settings: Settings, model: str | None) -> Settings:
    """Return the settings with the collection's model, unless they name one or it has none.

    Raises:
        ConfigurationError: the model was a local folder, which only CLIP_MODEL can name.
    """
    if "model" in settings.embed.model_fields_set or model is None:
        return settings
    return settings.having("embed", model=setting_for(model))


def _picture(path: Path) -> Image.Image:
    try:
        return Image.open(path).convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise ConfigurationError(f"--image {path}: expected a picture ({error})") from error
