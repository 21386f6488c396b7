"""What a collection of frames does in every engine: what may be added, and what is found in it."""

from __future__ import annotations

import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

from components.base.logs import log
from components.errors import ConfigurationError
from components.stores.vectors.errors import foreign
from components.stores.vectors.frame_filter import FrameFilter
from components.stores.vectors.payloads import FIELDS, Payload, found_frame, has_fields
from components.stores.vectors.store import Hit, Neighbour, SampledPoint, StoredFrame

# So many points of another program may have all fields of a frame and hide none.
_CANDIDATES = 64
_MOST_PASSED_OVER = 1000


class Made(NamedTuple):
    """How a collection was made: for which model, if it says so, and the length of its vectors."""

    model: str | None
    dim: int


class Found(NamedTuple):
    """A point that a search found; `vector` is None unless it was asked for."""

    id: str
    payload: Payload
    score: float
    vector: Sequence[float] | None


class FrameCollection(ABC):
    """The part of `components.stores.vectors.store.Collection` that no engine does differently."""

    def __init__(self, name: str, where: str) -> None:
        """
        Args:
            name: Of the collection, or the alias that stands for one.
            where: The server or folder, for people.
        """
        self.name = name
        self._where = where
        self._lock = threading.RLock()
        self._ready_for: Made | None = None
        # Never the alias: vectors that arrive after it has moved still go where their model's are.
        self._writes_to: str | None = None

    @abstractmethod
    def exists(self) -> bool:
        """Return whether there is such a collection."""

    @abstractmethod
    def _own_name(self) -> str | None:
        """Return the collection that the name stands for, as an alias or itself."""

    @abstractmethod
    def _make(self, model: str, dim: int) -> str:
        """Create the model's collection and the alias, unless another process was faster."""

    @abstractmethod
    def _made(self, name: str) -> Made | None:
        """Return how a collection was made, None if it is not there."""

    @abstractmethod
    def _complete(self, name: str) -> None:
        """Make what a process that died left undone."""

    @abstractmethod
    def _candidates(self, name: str, other_than: str | None, count: int) -> list[Payload]:
        """Return `FIELDS` of up to `count` points that have them all, and not this model."""

    @abstractmethod
    def _nearest(
        self,
        vector: Sequence[float],
        limit: int,
        where: FrameFilter,
        *,
        frames_only: bool,
        vectors: bool,
    ) -> list[Found]:
        """Return the nearest points, best first; only such as have all `FIELDS`, if asked for."""

    @abstractmethod
    def _sampled(self, count: int, offset: str | None) -> list[SampledPoint]:
        """Return the points that follow an id, in order of their ids."""

    @abstractmethod
    def count(self) -> int:
        """Return about how many points there are; 0 without a collection."""

    def ensure(self, model: str, dim: int) -> None:
        with self._lock:
            if self._ready_for == (model, dim):
                return
            name = self._own_name() or self._make(model, dim)
            made = self._made(name)
            assert made, "it was there a moment ago"
            self._check_dim(made.dim, model, dim)
            self._check_model(name, made.model, model)
            self._complete(name)
            self._writes_to, self._ready_for = name, Made(model, dim)

    def require(self) -> None:
        if not self.exists():
            raise ConfigurationError(
                f"{self._where} has no collection {self.name!r}; index videos first "
                "(oriane run), or set QDRANT_URL, VP_DATA_DIR or QDRANT_COLLECTION to where they "
                "are"
            )

    def model(self) -> str | None:
        made = self._made(self.name)
        return (made.model or self._any_model(self.name, None)) if made else None

    def search(
        self,
        vector: Sequence[float],
        limit: int,
        platform: str | None = None,
        code: str | None = None,
    ) -> list[Hit]:
        where = FrameFilter(platform=platform, code=code)
        return [near.hit for near in self.nearest(vector, limit, where=where)]

    def nearest(
        self, vector: Sequence[float], limit: int, *, where: FrameFilter, vectors: bool = False
    ) -> list[Neighbour]:
        found = self._nearest(vector, limit, where, frames_only=False, vectors=vectors)
        frames = _frames_among(found)
        if strangers := len(found) - len(frames):
            # Points of another program took places: ask again for such as have all that frames do.
            log.warning(
                "search: %d of the nearest points in %r are not frames and passed over; `oriane "
                "verify --repair --foreign-points` counts and removes them", strangers, self.name,
            )  # fmt: skip
            # Some have all fields, with values that no frame has, which no filter tells.
            asked = limit
            while len(frames) < limit and len(found) == asked and asked < limit + _MOST_PASSED_OVER:
                asked *= 2
                found = self._nearest(vector, asked, where, frames_only=True, vectors=vectors)
                frames = _frames_among(found)
        return [
            Neighbour(frame, round(point.score, 4), point.vector, point.id)
            for point, frame in frames[:limit]
        ]

    def sample(self, count: int, seed: int) -> list[SampledPoint]:
        """Return up to `count` points; the same ones for a seed while nothing changes.

        Ids are hashes, so points in the order of their ids are in random order, and a part of
        that order is a random sample.
        """
        start = str(uuid.UUID(int=Random(seed).getrandbits(128)))  # noqa: S311, no secret
        found = self._sampled(count, start)
        if len(found) < count:
            found += self._sampled(count, None)
        unique = {point.id: point for point in found}
        return list(unique.values())[:count]

    def _check_dim(self, found: int, model: str, dim: int) -> None:
        if found != dim:
            raise ConfigurationError(
                f"collection {self.name!r} holds vectors of {found} dimensions, but "
                f"{model} gives {dim}; set QDRANT_COLLECTION to another name, or CLIP_MODEL and "
                "QDRANT_DIM to what the collection was made with"
            )

    def _check_model(self, name: str, declared: str | None, model: str) -> None:
        # A collection that names no model is ours if it has a frame, or nothing yet.
        declared = declared or self._any_model(name, None)
        found = declared if declared not in (None, model) else self._any_model(name, model)
        if found is not None:
            raise ConfigurationError(
                f"collection {self.name!r} holds vectors of {found}, which cannot be mixed with "
                f"those of {model}; set QDRANT_COLLECTION to another name, or CLIP_MODEL to the "
                "model the collection was made with"
            )

    def _any_model(self, name: str, other_than: str | None) -> str | None:
        """Return the model of some frame, other than this one; None if there is no such frame.

        Raises:
            ConfigurationError: there are points, and none of them is a frame.
        """
        found = next(
            (
                str(payload["model"])
                for payload in self._candidates(name, other_than, _CANDIDATES)
                if has_fields(payload)
            ),
            None,
        )
        if found is None and other_than is None and self.count():
            raise foreign(name, f"none of its points has {', '.join(sorted(FIELDS))}")
        return found


def _frames_among(found: Iterable[Found]) -> list[tuple[Found, StoredFrame]]:
    return [(point, frame) for point in found if (frame := found_frame(point.payload))]


def own_ids(ids: Sequence[str]) -> list[str | int]:
    """Return ids as engines tell them apart: a number that another program gave is not a text."""
    return [int(point) if point.isdecimal() else point for point in ids]
