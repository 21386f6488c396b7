"""The frames of one model in Qdrant, behind the alias that readers use."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any

from qdrant_client import models

from components.base.logs import log
from components.base.side_by_side import batches
from components.base.vectors import Vectors
from components.errors import ConfigurationError
from components.stores.vectors.frame_filter import FrameFilter
from components.stores.vectors.naming import collection_name
from components.stores.vectors.payloads import (
    DHASH,
    FIELDS,
    FINGERPRINT,
    OWNERSHIP,
    description,
    fits,
)
from components.stores.vectors.qdrant import aliases, schema
from components.stores.vectors.qdrant.connection import MissingCollectionError, QdrantConnection
from components.stores.vectors.qdrant.filters import qdrant_filter
from components.stores.vectors.qdrant.own_ids import OwnIds
from components.stores.vectors.qdrant.points import (
    equals,
    is_frame,
    lacking,
    neighbour,
    of_video,
    stored_frame,
    stored_point,
    upsert_batches,
)
from components.stores.vectors.store import (
    Hit,
    Neighbour,
    Point,
    SampledPoint,
    StoredFrame,
    VideoFrames,
)

_PAGE = 1000


class QdrantCollection:
    """One point a frame: a unit vector, and the payload that `docs/architecture.md` lists.

    `components.stores.vectors.store.Collection` says what each method does.
    """

    def __init__(self, connection: QdrantConnection, name: str | None = None) -> None:
        """Use the collection, or alias, `name`; by default the alias that the settings name."""
        self.connection = connection
        self.name = name or connection.settings.collection
        self._client, self._settings = connection.client, connection.settings
        self._lock = threading.RLock()
        self._ready_for: tuple[str, int] | None = None
        # Never the alias: vectors that arrive after it has moved still go where their model's are.
        self._writes_to: str | None = None
        self._own_ids = OwnIds(self.points)

    def ensure(self, model: str, dim: int) -> None:
        with self._lock:
            if self._ready_for == (model, dim):
                return
            name = aliases.target(self.connection, self.name) or self._make(model, dim)
            info = self._info(name)
            self._check_dim(schema.dimensions(name, info), model, dim)
            self._check_model(name, info, model)
            schema.ensure_field_indexes(self.connection, name, info)
            self._writes_to, self._ready_for = name, (model, dim)

    def require(self) -> None:
        if not self.exists():
            raise ConfigurationError(
                f"{self.connection.where} has no collection {self.name!r}; index videos first "
                "(oriane run), or set QDRANT_URL, VP_DATA_DIR or QDRANT_COLLECTION to where they "
                "are"
            )

    def model(self) -> str | None:
        try:
            return schema.declared_model(self._info(self.name)) or self._any_model(None)
        except MissingCollectionError:
            return None

    def dim(self) -> int:
        return schema.dimensions(self.name, self._info(self.name))

    def replace(
        self, framed: VideoFrames, vectors: Vectors, model: str, fingerprint: str = ""
    ) -> None:
        name = self._writes_to or self.name
        size = self._settings.upsert_batch
        for batch in upsert_batches(framed, vectors, model, fingerprint, size):
            self.connection.call(self.connection.bulk.upsert, name, batch, wait=True)
        ids = [framed.point_id(frame) for frame in framed.frames]
        if self.connection.embedded:
            others = sorted(self._own_ids.others(framed.video, ids))
            if others:
                self._delete(name, models.PointIdsList(points=list(others)))
            self._own_ids.are(framed.video, ids)
        else:
            own = models.HasIdCondition(has_id=list(ids))
            stale = models.Filter(must=of_video(framed.video), must_not=[own])
            self._delete(name, models.FilterSelector(filter=stale))

    def describe(self, framed: VideoFrames) -> None:
        for group in batches(framed.frames, self._settings.upsert_batch):
            changes: list[models.UpdateOperation] = [
                models.SetPayloadOperation(
                    set_payload=models.SetPayload(
                        payload=description(framed, frame), points=[framed.point_id(frame)]
                    )
                )
                for frame in group
            ]
            self.connection.call(self._client.batch_update_points, self.name, changes, wait=True)

    def holds(self, framed: VideoFrames, model: str | None = None, fingerprint: str = "") -> bool:
        ids = {framed.point_id(frame) for frame in framed.frames}
        fields = ["model", FINGERPRINT]
        try:
            found = self.connection.call(
                self._client.retrieve, self.name, list(ids), with_payload=fields
            )
        except MissingCollectionError:
            return False
        return len(found) == len(ids) and all(
            fits(record.payload or {}, model, fingerprint) for record in found
        )

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
        found = self._nearest(vector, limit, qdrant_filter(where), vectors=vectors)
        if all(is_frame(point) for point in found):
            return list(map(neighbour, found))
        # Points of another program took places: ask again for such as have what all frames have.
        log.warning(
            "search: %d of the nearest points in %r are not frames and passed over; `oriane verify "
            "--repair --foreign-points` counts and removes them",
            sum(not is_frame(point) for point in found), self.name,
        )  # fmt: skip
        frames = qdrant_filter(where, without=lacking())
        found = self._nearest(vector, limit, frames, vectors=vectors)
        return [neighbour(point) for point in found if is_frame(point)]

    def _nearest(
        self,
        vector: Sequence[float],
        limit: int,
        wanted: models.Filter | None,
        *,
        vectors: bool,
    ) -> list[models.ScoredPoint]:
        answer = self.connection.call(
            self._client.query_points,
            self.name,
            query=list(vector),
            query_filter=wanted,
            limit=limit,
            with_payload=[*sorted(FIELDS), DHASH],
            with_vectors=vectors,
            search_params=self._search_params(),
        )
        return list(answer.points)

    def count(self) -> int:
        try:
            return self._info(self.name).points_count or 0
        except MissingCollectionError:
            return 0

    def points(self, platform: str = "", code: str = "") -> Iterator[Point]:
        yield from map(stored_point, self._records(platform, code, OWNERSHIP, vectors=False))

    def frames(
        self, platform: str = "", code: str = "", *, vectors: bool = False
    ) -> Iterator[StoredFrame]:
        for record in self._records(platform, code, sorted(FIELDS), vectors=vectors):
            if is_frame(record):
                yield stored_frame(record, _vector(record) if vectors else None)

    def _records(
        self, platform: str, code: str, fields: Sequence[str], *, vectors: bool
    ) -> Iterator[models.Record]:
        """Yield the points of a platform or video, page by page; none without a collection."""
        given = {"platform": platform, "video_code": code}
        wanted: list[models.Condition] = [
            equals(key, value) for key, value in given.items() if value
        ]
        offset: Any = None
        while True:
            try:
                page, offset = self.connection.call(
                    self._client.scroll,
                    self.name,
                    scroll_filter=models.Filter(must=wanted) if wanted else None,
                    limit=_PAGE,
                    offset=offset,
                    with_payload=list(fields),
                    with_vectors=vectors,
                )
            except MissingCollectionError:
                return
            yield from page
            if offset is None:
                return

    def remove(self, ids: Iterable[str]) -> None:
        for batch in batches(ids, _PAGE):
            # Other programs number their points, and a number is another id than its text.
            own = [int(point) if point.isdecimal() else point for point in batch]
            self._delete(self.name, models.PointIdsList(points=own))

    def _delete(self, name: str, selector: models.PointsSelector) -> None:
        self.connection.call(self._client.delete, name, selector, wait=True)

    def sample(self, count: int, seed: int) -> list[SampledPoint]:
        """Return up to `count` points; the same ones for a seed while nothing changes.

        Ids are hashes, so points in the order of their ids are in random order, and a part of
        that order is a random sample.
        """
        start = str(uuid.UUID(int=Random(seed).getrandbits(128)))  # noqa: S311, no secret
        found = self._scroll(count, start)
        if len(found) < count:
            found += self._scroll(count, None)
        unique = {point.id: point for point in found}
        return list(unique.values())[:count]

    def vectors(self, ids: Sequence[str]) -> dict[str, list[float]]:
        found = self.connection.call(
            self._client.retrieve, self.name, list(ids), with_payload=False, with_vectors=True
        )
        return {str(record.id): _vector(record) for record in found}

    def _scroll(self, count: int, offset: str | None) -> list[SampledPoint]:
        records, _ = self.connection.call(
            self._client.scroll,
            self.name,
            limit=count,
            offset=offset,
            with_payload=["path"],
            with_vectors=True,
        )
        return [
            SampledPoint(str(record.id), str((record.payload or {}).get("path")), _vector(record))
            for record in records
        ]

    def _make(self, model: str, dim: int) -> str:
        """Create the model's collection and the alias, unless another process was faster."""
        name = collection_name(self.name, model, dim)
        schema.create(self.connection, name, model, dim)
        if schema.is_deferred(self._info(name)):
            schema.build_index(self.connection, name)
        if self.name not in aliases.targets(self.connection):
            aliases.point(self.connection, {self.name: name})
        return aliases.targets(self.connection)[self.name]

    def exists(self) -> bool:
        return self.connection.call(self._client.collection_exists, self.name)

    def _info(self, name: str) -> models.CollectionInfo:
        return self.connection.call(self._client.get_collection, name)

    def _search_params(self) -> models.SearchParams | None:
        if self.connection.embedded:
            return None
        # Scores are those of the whole vectors, not of their quantized stand-ins.
        return models.SearchParams(quantization=models.QuantizationSearchParams(rescore=True))

    def _check_dim(self, found: int, model: str, dim: int) -> None:
        if found != dim:
            raise ConfigurationError(
                f"collection {self.name!r} holds vectors of {found} dimensions, but "
                f"{model} gives {dim}; set QDRANT_COLLECTION to another name, or CLIP_MODEL and "
                "QDRANT_DIM to what the collection was made with"
            )

    def _check_model(self, name: str, info: models.CollectionInfo, model: str) -> None:
        # A collection that names no model is ours if it has a frame, or nothing yet.
        declared = schema.declared_model(info) or self._any_model(None, name)
        found = declared if declared not in (None, model) else self._any_model(model, name)
        if found is not None:
            raise ConfigurationError(
                f"collection {self.name!r} holds vectors of {found}, which cannot be mixed with "
                f"those of {model}; set QDRANT_COLLECTION to another name, or CLIP_MODEL to the "
                "model the collection was made with"
            )

    def _any_model(self, other_than: str | None, name: str | None = None) -> str | None:
        """Return the model of some frame, other than this one; None if there is no such frame.

        Raises:
            ConfigurationError: there are points, and none of them is a frame.
        """
        unwanted = [*lacking(), *([equals("model", other_than)] if other_than else [])]
        name = name or self.name
        points, _ = self.connection.call(
            self._client.scroll,
            name,
            scroll_filter=models.Filter(must_not=unwanted),
            limit=1,
            with_payload=["model"],
        )
        if points:
            return str((points[0].payload or {})["model"])
        if other_than is None and self._info(name).points_count:
            raise schema.foreign(name, f"none of its points has {', '.join(sorted(FIELDS))}")
        return None


def _vector(record: models.Record) -> list[float]:
    vector: Any = record.vector
    return [float(value) for value in vector]
