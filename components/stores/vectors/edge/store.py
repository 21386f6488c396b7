"""An embedded Qdrant as a vector store: the collections behind the alias that readers use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

from components.errors import ConfigurationError
from components.settings import IndexSettings
from components.stores.vectors.edge.collection import EdgeCollection, catalogue
from components.stores.vectors.edge.opening import open_folder
from components.stores.vectors.edge.requests import (
    Count,
    Create,
    Engine,
    Optimize,
    PointAliases,
)
from components.stores.vectors.naming import collection_name, prefix, previous
from components.stores.vectors.store import Collection, Member, Role


class EdgeStore:
    """Qdrant Edge over a folder, which several processes may use at once.

    `components.stores.vectors.store.VectorStore` says what each method does.
    """

    def __init__(self, engine: Engine, settings: IndexSettings) -> None:
        self.engine = engine
        self._settings = settings
        self._by_alias = EdgeCollection(engine, settings)
        self.where = settings.url or ""
        self.alias = settings.collection

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

    def collection(self) -> EdgeCollection:
        return self._by_alias

    def current(self) -> EdgeCollection | None:
        known = catalogue(self.engine)
        if self.alias in known.collections:
            raise ConfigurationError(
                f"{self.alias!r} is a collection and no alias, so its model cannot be switched; "
                "set QDRANT_COLLECTION to a new name, then type oriane model prepare and oriane "
                "model switch, which book the videos under that name"
            )
        return self._named(known.aliases.get(self.alias))

    def previous(self) -> EdgeCollection | None:
        return self._named(catalogue(self.engine).aliases.get(previous(self.alias)))

    def members(self) -> Iterator[Member]:
        known = catalogue(self.engine)
        for name, role in self._roles():
            try:
                model = EdgeCollection(self.engine, self._settings, name).model()
            except ConfigurationError:
                model = None  # somebody else's; the listing shows it without a model
            yield Member(
                name=name,
                role=role,
                model=model,
                dim=known.collections[name].dim,
                points=self.engine.ask(Count(collection=name)).answer.count,
                status="green",
            )

    def collections(self) -> Iterator[EdgeCollection]:
        for name, _ in self._roles():
            yield EdgeCollection(self.engine, self._settings, name)

    def _roles(self) -> list[tuple[str, Role]]:
        known = catalogue(self.engine)
        roles: dict[str, Role] = {
            name: "prepared" for name in known.collections if name.startswith(prefix(self.alias))
        }
        if former := known.aliases.get(previous(self.alias)):
            roles[former] = "previous"
        now = known.aliases.get(self.alias, self.alias)
        if now in known.collections:
            roles[now] = "current"
        return sorted(roles.items())

    def find(self, model: str, dim: int | None) -> EdgeCollection:
        fitting = [
            member
            for member in self.members()
            if member.model == model and dim in (None, member.dim)
        ]
        if not fitting:
            raise ConfigurationError(
                f"no collection is prepared for {model}; type oriane model prepare with the same "
                "--model"
            )
        if len(fitting) > 1:
            found = " and ".join(str(member.dim) for member in fitting)
            raise ConfigurationError(
                f"{model} has collections of {found} dimensions; set QDRANT_DIM to one of them"
            )
        return EdgeCollection(self.engine, self._settings, fitting[0].name)

    def begin(self, model: str, dim: int) -> EdgeCollection:
        name = collection_name(self.alias, model, dim)
        self.engine.ask(Create(collection=name, model=model, dim=dim))
        collection = EdgeCollection(self.engine, self._settings, name)
        collection.ensure(model, dim)
        return collection

    def finish(self, collection: Collection) -> None:
        self.engine.ask(Optimize(collection=collection.name))

    def switch(self, to: Collection) -> None:
        current = self.current()
        changes: dict[str, str | None] = {self.alias: to.name}
        if current:
            changes[previous(self.alias)] = current.name
        self.engine.ask(PointAliases(changes=changes))

    def roll_back(self, to: Collection) -> None:
        self.engine.ask(PointAliases(changes={self.alias: to.name, previous(self.alias): None}))

    def _named(self, name: str | None) -> EdgeCollection | None:
        return EdgeCollection(self.engine, self._settings, name) if name else None
