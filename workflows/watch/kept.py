"""Standing questions and their notices, as they lie in the artifacts bucket."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from components.base.logs import log
from components.base.wrong_values import wrong_value
from components.errors import ConfigurationError, NotFoundError
from components.records.watch import Announced, Watch, WatchNotice, watches_folder
from components.running.services import Services
from components.stores.objects import split

_LONGEST_NAME = 63
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

D = TypeVar("D", bound=BaseModel)


def name_of(text: str) -> str:
    """Return the name that a question gets where none is given: "a red car" is a-red-car."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower())
    return words[:_LONGEST_NAME].strip("-") or "watch"


class KeptWatches:
    """The standing questions of a deployment."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._bucket = services.settings.storage.artifacts_bucket
        self._folder = watches_folder(self._bucket)

    def all(self) -> list[Watch]:
        """Return all, by name; what cannot be read is passed over, with a warning."""
        return list(self._all())

    def _all(self) -> Iterator[Watch]:
        for stored in self._store.objects_in(self._folder):
            name = stored.uri.removeprefix(self._folder).removesuffix(".json")
            try:
                if found := self.find(name):
                    yield found
            except ConfigurationError as error:
                log.warning("%s", error)

    def find(self, name: str) -> Watch | None:
        """Return the one of this name; None where there is none.

        Raises:
            ConfigurationError: it cannot be read.
        """
        return self._read(self._uri(name), Watch)

    def get(self, name: str) -> Watch:
        """Return the one of this name.

        Raises:
            ConfigurationError: there is none.
        """
        found = self.find(name) if _NAME.fullmatch(name) else None
        if found is None:
            raise ConfigurationError(
                f"no watch {name!r}; `oriane watch list` names those there are"
            )
        return found

    def keep(self, watch: Watch) -> None:
        """Write it."""
        self._write(self._uri(watch.name), watch)

    def remove(self, name: str) -> None:
        """Forget it with its notices; it goes first, so that nobody asks it meanwhile."""
        self._store.delete(self._bucket, [split(self._uri(name))[1]])
        notices = self._store.objects(f"{self._folder}{name}/")
        self._store.delete_all(self._bucket, [split(stored.uri)[1] for stored in notices])

    def notice(self, name: str, run: str) -> WatchNotice | None:
        """Return what it found of a run; None where it was not asked."""
        return self._read(f"{self._folder}{name}/{run}.json", WatchNotice)

    def notices(self, name: str) -> list[str]:
        """Return the runs that it was asked of, the one whose notice was written last first."""
        folder = f"{self._folder}{name}/"
        stored = sorted(
            self._store.objects_in(folder), key=lambda one: (one.modified, one.uri), reverse=True
        )
        return [one.uri.removeprefix(folder).removesuffix(".json") for one in stored]

    def keep_notice(self, notice: WatchNotice) -> str:
        """Write it and return its address."""
        uri = f"{self._folder}{notice.watch}/{notice.run}.json"
        self._write(uri, notice)
        return uri

    def announced(self, name: str) -> set[str]:
        """Return the ids of the points that it has announced."""
        found = self._read(self._announced(name), Announced)
        return set(found.points) if found else set()

    def keep_announced(self, name: str, points: Iterable[str]) -> None:
        """Write them."""
        self._write(self._announced(name), Announced(points=tuple(sorted(points))))

    def _uri(self, name: str) -> str:
        return f"{self._folder}{name}.json"

    def _announced(self, name: str) -> str:
        # A folder further down, as a run may have any name.
        return f"{self._folder}{name}/announced/points.json"

    def _read(self, uri: str, kind: type[D]) -> D | None:
        try:
            return kind.model_validate_json(self._store.get(uri))
        except NotFoundError:
            return None
        except ValidationError as error:
            raise ConfigurationError(
                f"{uri}: cannot be read ({error.error_count()} faults, the first: "
                f"{wrong_value(error)}); remove the object and add the watch again"
            ) from error

    def _write(self, uri: str, document: BaseModel) -> None:
        content = document.model_dump_json(indent=1).encode()
        self._store.put(uri, content, "application/json")
