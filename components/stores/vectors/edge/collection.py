"""The frames of one model in an embedded engine, behind the alias that readers use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from components.base.side_by_side import batches
from components.settings import IndexSettings
from components.stores.vectors.collection import Found, FrameCollection, Made, own_ids
from components.stores.vectors.edge.known_points import as_vector
from components.stores.vectors.edge.requests import (
    Answered,
    Catalogue,
    Condition,
    Count,
    Create,
    Delete,
    DeleteWhere,
    Describe,
    Engine,
    Flush,
    GetCatalogue,
    Nearest,
    PointAliases,
    PointId,
    Retrieve,
    Row,
    Scroll,
    Upsert,
    Where,
    equal,
)
from components.stores.vectors.errors import MissingCollectionError, missing
from components.stores.vectors.frame_filter import FrameFilter
from components.stores.vectors.naming import collection_name
from components.stores.vectors.payloads import (
    CROPPED,
    DATED,
    DURATION,
    FIELDS,
    FINGERPRINT,
    OF_A_FRAME,
    OWNERSHIP,
    Payload,
    description,
    fits,
    frame_of,
    has_fields,
    payload_of,
    point_of,
)
from components.stores.vectors.store import (
    Point,
    SampledPoint,
    StoredFrame,
    VideoFrames,
)

if TYPE_CHECKING:
    from components.base.vectors import Vectors

_PAGE = 1000
_LACKING = tuple(Condition(field=field, missing=True) for field in sorted(FIELDS))


class EdgeCollection(FrameCollection):
    """One point a frame: a unit vector, and the payload that `docs/architecture.md` lists.

    `components.stores.vectors.store.Collection` says what each method does.
    """

    def __init__(self, engine: Engine, settings: IndexSettings, name: str | None = None) -> None:
        """Use the collection, or alias, `name`; by default the alias that the settings name."""
        super().__init__(name or settings.collection, settings.url or "")
        self.engine = engine
        self.settings = settings

    def exists(self) -> bool:
        return self._own_name() is not None

    def dim(self) -> int:
        name = self._own_name()
        if name is None:
            raise missing(self.settings.url, self.name)
        return catalogue(self.engine).collections[name].dim

    def replace(
        self, framed: VideoFrames, vectors: Vectors, model: str, fingerprint: str = ""
    ) -> None:
        name = self._writes_to or self.name
        created_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        pairs = zip(framed.frames, vectors, strict=True)
        for batch in batches(pairs, self.settings.upsert_batch):
            ids = tuple(framed.point_id(frame) for frame, _ in batch)
            payloads = tuple(
                payload_of(framed, frame, model, fingerprint, created_at) for frame, _ in batch
            )
            rows = [vector.tolist() for _, vector in batch]
            self.engine.ask(Upsert(collection=name, ids=ids, payloads=payloads), rows)
        video = framed.video
        stale = Where(
            all_of=equal({"platform": video.platform, "video_code": video.code}),
            without_ids=tuple(framed.point_id(frame) for frame in framed.frames),
        )
        self.engine.ask(DeleteWhere(collection=name, where=stale))
        # The video is booked as done after this.
        self.engine.ask(Flush(collection=name))

    def holds(self, framed: VideoFrames, model: str | None = None, fingerprint: str = "") -> bool:
        ids = tuple({framed.point_id(frame) for frame in framed.frames})
        fields = ("model", FINGERPRINT)
        try:
            found = self.engine.ask(Retrieve(collection=self.name, ids=ids, fields=fields))
        except MissingCollectionError:
            return False
        rows = found.answer.rows
        return len(rows) == len(ids) and all(fits(row.payload, model, fingerprint) for row in rows)

    def describe(self, framed: VideoFrames) -> None:
        for group in batches(framed.frames, self.settings.upsert_batch):
            self.engine.ask(
                Describe(
                    collection=self.name,
                    ids=tuple(framed.point_id(frame) for frame in group),
                    payloads=tuple(description(framed, frame) for frame in group),
                )
            )
        self.engine.ask(Flush(collection=self.name))

    def _nearest(
        self,
        vector: Sequence[float],
        limit: int,
        where: FrameFilter,
        *,
        frames_only: bool,
        vectors: bool,
    ) -> list[Found]:
        wanted = edge_filter(where)
        if frames_only:
            wanted = wanted.model_copy(update={"none_of": _LACKING})
        question = Nearest(
            collection=self.name,
            where=wanted,
            limit=limit,
            fields=OF_A_FRAME,
            vectors=vectors,
        )
        found = self.engine.ask(question, [vector])
        return [
            Found(str(row.id), row.payload, row.score, numbers)
            for row, numbers in _with_vectors(found)
        ]

    def count(self) -> int:
        try:
            return self.engine.ask(Count(collection=self.name)).answer.count
        except MissingCollectionError:
            return 0

    def points(self, platform: str = "", code: str = "") -> Iterator[Point]:
        for row, _ in self._rows(platform, code, OWNERSHIP, vectors=False):
            yield point_of(row.id, row.payload)

    def frames(
        self, platform: str = "", code: str = "", *, vectors: bool = False
    ) -> Iterator[StoredFrame]:
        for row, vector in self._rows(platform, code, OF_A_FRAME, vectors=vectors):
            if has_fields(row.payload):
                yield frame_of(row.payload, vector)

    def frames_of(self, ids: Sequence[str]) -> list[StoredFrame]:
        question = Retrieve(collection=self.name, ids=tuple(ids), fields=OF_A_FRAME, vectors=True)
        return [
            frame_of(row.payload, vector)
            for row, vector in _with_vectors(self.engine.ask(question))
            if has_fields(row.payload)
        ]

    def _rows(
        self, platform: str, code: str, fields: tuple[str, ...], *, vectors: bool
    ) -> Iterator[tuple[Row, list[float] | None]]:
        """Yield the points of a platform or video, page by page; none without a collection."""
        where = Where(all_of=equal({"platform": platform or None, "video_code": code or None}))
        offset: PointId | None = None
        while True:
            page = Scroll(
                collection=self.name,
                where=where,
                limit=_PAGE,
                offset=offset,
                fields=fields,
                vectors=vectors,
            )
            try:
                found = self.engine.ask(page)
            except MissingCollectionError:
                return
            yield from _with_vectors(found)
            offset = found.answer.offset
            if offset is None:
                return

    def remove(self, ids: Iterable[str]) -> None:
        for batch in batches(ids, _PAGE):
            self.engine.ask(Delete(collection=self.name, ids=tuple(own_ids(batch))))

    def _sampled(self, count: int, offset: str | None) -> list[SampledPoint]:
        page = Scroll(
            collection=self.name, limit=count, offset=offset, fields=("path",), vectors=True
        )
        return [
            SampledPoint(str(row.id), str(row.payload.get("path")), vector or [])
            for row, vector in _with_vectors(self.engine.ask(page))
        ]

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        found = self.engine.ask(Retrieve(collection=self.name, ids=tuple(ids), vectors=True))
        return {str(row.id): as_vector(vector) for row, vector in _with_vectors(found)}

    def _own_name(self) -> str | None:
        known = catalogue(self.engine)
        name = known.aliases.get(self.name, self.name)
        return name if name in known.collections else None

    def _make(self, model: str, dim: int) -> str:
        """Create the model's collection and the alias, unless another process was faster."""
        name = collection_name(self.name, model, dim)
        self.engine.ask(Create(collection=name, model=model, dim=dim))
        self.engine.ask(PointAliases(changes={self.name: name}, unless_there=True))
        return catalogue(self.engine).aliases[self.name]

    def _made(self, name: str) -> Made | None:
        known = catalogue(self.engine)
        entry = known.collections.get(known.aliases.get(name, name))
        return Made(entry.model, entry.dim) if entry else None

    def _complete(self, name: str) -> None:
        """Do nothing: a collection is in the catalogue once it is whole."""

    def _candidates(self, name: str, other_than: str | None, count: int) -> list[Payload]:
        unwanted = (*_LACKING, *equal({"model": other_than}))
        where = Where(none_of=unwanted)
        page = Scroll(collection=name, where=where, limit=count, fields=tuple(sorted(FIELDS)))
        return [row.payload for row in self.engine.ask(page).answer.rows]


def catalogue(engine: Engine) -> Catalogue:
    """Return which collections and aliases the engine has."""
    return engine.ask(GetCatalogue()).answer.catalogue or Catalogue()


def edge_filter(where: FrameFilter) -> Where:
    """Return the filter in this engine's words."""
    wanted = list(equal({"platform": where.platform, "video_code": where.code}))
    if where.after or where.before:
        since, until = (day.isoformat() if day else None for day in (where.after, where.before))
        wanted.append(Condition(field=DATED, since=since, until=until))
    for field, low, high in (
        (DURATION, where.min_duration, where.max_duration),
        ("frame_second", where.from_second, where.to_second),
    ):
        if low is not None or high is not None:
            wanted.append(Condition(field=field, at_least=low, at_most=high))
    if where.cropped is not None:
        wanted.append(Condition(field=CROPPED, any_of=(int(where.cropped),)))
    if where.undated:
        wanted.append(Condition(field=DATED, missing=True))
    without = tuple(
        equal({"platform": platform, "video_code": code}) for platform, code in where.without_videos
    )
    return Where(all_of=tuple(wanted), without=without)


def _with_vectors(found: Answered) -> Iterable[tuple[Row, list[float] | None]]:
    if not found.vectors:
        return ((row, None) for row in found.answer.rows)
    return zip(found.answer.rows, found.vectors, strict=True)
