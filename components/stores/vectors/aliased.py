"""The collections behind an alias, and how it is moved: alike in every engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from components.errors import ConfigurationError
from components.stores.vectors.naming import prefix, previous
from components.stores.vectors.store import Collection, Member, Role

Own = TypeVar("Own", bound=Collection)


class AliasedStore(ABC, Generic[Own]):
    """The part of `components.stores.vectors.store.VectorStore` that no engine does differently."""

    def __init__(self, where: str, alias: str) -> None:
        self.where = where
        self.alias = alias
        self._by_alias = self._collection(alias)

    @abstractmethod
    def _collection(self, name: str) -> Own:
        """Return a collection by its name, or the one that an alias stands for."""

    @abstractmethod
    def _names(self) -> Iterable[str]:
        """Return the names of all collections."""

    @abstractmethod
    def _aliases(self) -> Mapping[str, str]:
        """Return the collection of every alias."""

    @abstractmethod
    def _point(self, changes: Mapping[str, str | None]) -> None:
        """Point aliases at collections, or at nothing (None), all of them at once."""

    @abstractmethod
    def _member(self, name: str, role: Role) -> Member:
        """Return what is known of a collection."""

    def collection(self) -> Own:
        return self._by_alias

    def current(self) -> Own | None:
        name = self._aliases().get(self.alias)
        if name is None and self.alias in self._names():
            raise ConfigurationError(
                f"{self.alias!r} is a collection and no alias, so its model cannot be switched; "
                "set QDRANT_COLLECTION to a new name, then type oriane model prepare and oriane "
                "model switch, which book the videos under that name"
            )
        return self._collection(name) if name else None

    def previous(self) -> Own | None:
        name = self._aliases().get(previous(self.alias))
        return self._collection(name) if name else None

    def members(self) -> Iterator[Member]:
        for name, role in self._roles():
            yield self._member(name, role)

    def collections(self) -> Iterator[Own]:
        for name, _ in self._roles():
            yield self._collection(name)

    def find(self, model: str, dim: int | None) -> Own:
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
        return self._collection(fitting[0].name)

    def switch(self, to: Collection) -> None:
        current = self.current()
        changes: dict[str, str | None] = {self.alias: to.name}
        if current:
            changes[previous(self.alias)] = current.name
        self._point(changes)

    def roll_back(self, to: Collection) -> None:
        self._point({self.alias: to.name, previous(self.alias): None})

    def _roles(self) -> list[tuple[str, Role]]:
        names, aliases = set(self._names()), self._aliases()
        roles: dict[str, Role] = {
            name: "prepared" for name in names if name.startswith(prefix(self.alias))
        }
        if former := aliases.get(previous(self.alias)):
            roles[former] = "previous"
        now = aliases.get(self.alias, self.alias)
        if now in names:
            roles[now] = "current"
        return sorted(roles.items())
