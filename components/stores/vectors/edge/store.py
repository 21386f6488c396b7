"""An embedded Qdrant as a vector store: the collections behind the alias that readers use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from components.errors import ConfigurationError
from components.settings import IndexSettings
from components.stores.vectors.aliased import AliasedStore
from components.stores.vectors.edge.collection import EdgeCollection, catalogue
from components.stores.vectors.edge.opening import open_folder
from components.stores.vectors.edge.requests import (
    Count,
    Create,
    Engine,
    Optimize,
    PointAliases,
)
from components.stores.vectors.naming import collection_name
from components.stores.vectors.store import Collection, Member, Role


class EdgeStore(AliasedStore[EdgeCollection]):
    """Qdrant Edge over a folder, which several processes may use at once.

    `components.stores.vectors.store.VectorStore` says what each method does.
    """

    def __init__(self, engine: Engine, settings: IndexSettings) -> None:
        self.engine = engine
        self._settings = settings
        super().__init__(settings.url or "", settings.collection)

    @classmethod
    def open(cls, settings: IndexSettings) -> Self:
        """Open the folder at QDRANT_URL, or connect to the process that has it open.

        Raises:
            ConfigurationError: QDRANT_URL is not set, or the folder is damaged.
            TransientError: another process has it open and does not answer.
        """
        if not settings.url:
            raise ConfigurationError(
                "QDRANT_URL is not set; set it to the server's address, or to a folder for an "
                "embedded Qdrant"
            )
        return cls(open_folder(Path(settings.url), settings.timeout_s), settings)

    def close(self) -> None:
        self.engine.close()

    def begin(self, model: str, dim: int) -> EdgeCollection:
        name = collection_name(self.alias, model, dim)
        self.engine.ask(Create(collection=name, model=model, dim=dim))
        collection = self._collection(name)
        collection.ensure(model, dim)
        return collection

    def finish(self, collection: Collection) -> None:
        self.engine.ask(Optimize(collection=collection.name))

    def _collection(self, name: str) -> EdgeCollection:
        return EdgeCollection(self.engine, self._settings, name)

    def _names(self) -> Iterable[str]:
        return catalogue(self.engine).collections

    def _aliases(self) -> Mapping[str, str]:
        return catalogue(self.engine).aliases

    def _point(self, changes: Mapping[str, str | None]) -> None:
        self.engine.ask(PointAliases(changes=dict(changes)))

    def _member(self, name: str, role: Role) -> Member:
        try:
            model = self._collection(name).model()
        except ConfigurationError:
            model = None  # somebody else's; the listing shows it without a model
        return Member(
            name=name,
            role=role,
            model=model,
            dim=catalogue(self.engine).collections[name].dim,
            points=self.engine.ask(Count(collection=name)).answer.count,
            status="green",
        )
