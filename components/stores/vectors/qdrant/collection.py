"""The frames of one model in Qdrant, behind the alias that readers use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from qdrant_client import models

from components.base.side_by_side import batches
from components.base.vectors import Vectors
from components.stores.vectors.collection import Found, FrameCollection, Made, own_ids
from components.stores.vectors.errors import MissingCollectionError
from components.stores.vectors.frame_filter import FrameFilter
from components.stores.vectors.naming import collection_name
from components.stores.vectors.payloads import (
    FIELDS,
    FINGERPRINT,
    OF_A_FRAME,
    OWNERSHIP,
    Payload,
    description,
    fits,
)
from components.stores.vectors.qdrant import aliases, schema
from components.stores.vectors.qdrant.connection import QdrantConnection
from components.stores.vectors.qdrant.filters import qdrant_filter
from components.stores.vectors.qdrant.own_ids import OwnIds
from components.stores.vectors.qdrant.points import (
    equals,
    found,
    is_frame,
    lacking,
    of_video,
    stored_frame,
    stored_point,
    upsert_batches,
)
from components.stores.vectors.store import (
    Point,
    SampledPoint,
    StoredFrame,
    VideoFrames,
)

_PAGE = 1000


class QdrantCollection(FrameCollection):
    """One point a frame: a unit vector, and the payload that `docs/architecture.md` lists.

    `components.stores.vectors.store.Collection` says what each method does.
    """

    def __init__(self, connection: QdrantConnection, name: str | None = None) -> None:
        """Use the collection, or alias, `name`; by default the alias that the settings name."""
        super().__init__(name or connection.settings.collection, connection.where)
        self.connection = connection
        self._client, self._settings = connection.client, connection.settings
        self._own_ids = OwnIds(self.points)

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

    def _nearest(
        self,
        vector: Sequence[float],
        limit: int,
        where: FrameFilter,
        *,
        frames_only: bool,
        vectors: bool,
    ) -> list[Found]:
        answer = self.connection.call(
            self._client.query_points,
            self.name,
            query=list(vector),
            query_filter=qdrant_filter(where, without=lacking() if frames_only else ()),
            limit=limit,
            with_payload=list(OF_A_FRAME),
            with_vectors=vectors,
            search_params=self._search_params(),
        )
        return list(map(found, answer.points))

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
        for record in self._records(platform, code, OF_A_FRAME, vectors=vectors):
            if is_frame(record):
                yield stored_frame(record, _vector(record) if vectors else None)

    def frames_of(self, ids: Sequence[str]) -> list[StoredFrame]:
        found = self.connection.call(
            self._client.retrieve,
            self.name,
            list(ids),
            with_payload=list(OF_A_FRAME),
            with_vectors=True,
        )
        return [stored_frame(record, _vector(record)) for record in found if is_frame(record)]

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
            self._delete(self.name, models.PointIdsList(points=list(own_ids(batch))))

    def _delete(self, name: str, selector: models.PointsSelector) -> None:
        self.connection.call(self._client.delete, name, selector, wait=True)

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        found = self.connection.call(
            self._client.retrieve, self.name, list(ids), with_payload=False, with_vectors=True
        )
        return {str(record.id): np.asarray(record.vector, np.float32) for record in found}

    def _sampled(self, count: int, offset: str | None) -> list[SampledPoint]:
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

    def _own_name(self) -> str | None:
        return aliases.target(self.connection, self.name)

    def _made(self, name: str) -> Made | None:
        try:
            info = self._info(name)
        except MissingCollectionError:
            return None
        return Made(schema.declared_model(info), schema.dimensions(name, info))

    def _complete(self, name: str) -> None:
        schema.ensure_field_indexes(self.connection, name, self._info(name))

    def _candidates(self, name: str, other_than: str | None, count: int) -> list[Payload]:
        unwanted = [*lacking(), *([equals("model", other_than)] if other_than else [])]
        points, _ = self.connection.call(
            self._client.scroll,
            name,
            scroll_filter=models.Filter(must_not=unwanted),
            limit=count,
            with_payload=sorted(FIELDS),
        )
        return [point.payload or {} for point in points]


def _vector(record: models.Record) -> list[float]:
    vector: Any = record.vector
    return [float(value) for value in vector]
