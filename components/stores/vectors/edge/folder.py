"""The engine over a folder that this process holds: a shard of Qdrant Edge for each collection."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import qdrant_edge as edge

from components.base.disk import require_space
from components.base.together import Together
from components.errors import ConfigurationError, PipelineError, TransientError
from components.stores.vectors.edge import catalogue as catalogues
from components.stores.vectors.edge import reading
from components.stores.vectors.edge.errors import HolderGoneError
from components.stores.vectors.edge.filters import filter_of
from components.stores.vectors.edge.known_points import KnownPoints
from components.stores.vectors.edge.requests import (
    Answer,
    Answered,
    CollectionEntry,
    Count,
    Create,
    Delete,
    DeleteWhere,
    Describe,
    Flush,
    GetCatalogue,
    Nearest,
    Optimize,
    PointAliases,
    Request,
    Retrieve,
    Rows,
    Scroll,
    Upsert,
)
from components.stores.vectors.errors import missing
from components.stores.vectors.payloads import INDEXED_FIELDS

_LOCK = "edge.lock"
# From here on vectors are kept in a byte a number as well: all are compared by these in a third of
# the time, and the best by their whole vectors. A twentieth of a CPU millisecond a vector to make.
QUANTIZED_FROM_POINTS = 20_000
# Below it, comparing with every vector takes some milliseconds and finds all; the graph takes half
# a CPU millisecond a vector to build, in which the engine lets no other thread of Python run.
GRAPH_FROM_POINTS = 250_000
# It maps files with holes and writes into them: on a full disk, the kernel ends the process.
_WRITING = (Create, Upsert, Describe, Delete, DeleteWhere, Optimize)
# What the engine has not flushed takes a kilobyte a point more, and is read from the log again when
# a folder is opened that a killed process left. A flush takes some hundredths of a second.
_FLUSH_POINTS = 1_000


def take(folder: Path) -> IO[bytes] | None:
    """Return the lock of the folder, to be closed to give it back; None if another process has it.

    The kernel gives it back when its process ends, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / _LOCK).open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


_SCHEMA_TYPES = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
    "datetime": edge.PayloadSchemaType.Datetime,
}


class FolderEngine:
    """Collections in a folder; `components.stores.vectors.edge.requests.Engine` says the rest.

    Safe to share between threads. The engine keeps the interpreter's lock while it works, so that
    requests run one after the other; but what is near several vectors, it finds in one pass.
    """

    def __init__(self, folder: Path, lock: IO[bytes]) -> None:
        """Open the folder whose lock this process took.

        Raises:
            ConfigurationError: the folder is damaged.
        """
        self._folder, self._lock_file = folder, lock
        self._lock = threading.RLock()
        self._shards: dict[str, edge.EdgeShard] = {}
        self._written: set[str] = set()
        self._unflushed: dict[str, int] = {}
        self._known: dict[str, KnownPoints] = {}
        self._nearest = Together(self._nearest_to_each)
        self._closed = False
        self._catalogue = catalogues.read(folder)
        self._clear_unfinished()
        self._doing: dict[type, Callable[[Any, Rows], Answered]] = {
            GetCatalogue: lambda _, __: Answered(Answer(catalogue=self._catalogue)),
            Create: lambda request, _: self._create(request),
            PointAliases: lambda request, _: self._point(request),
            Count: lambda request, _: self._count(request),
            Optimize: lambda request, _: self._optimize(request.collection),
            Upsert: self._upsert,
            Describe: lambda request, _: self._describe(request),
            Delete: lambda request, _: self._delete(request),
            DeleteWhere: lambda request, _: self._delete_where(request),
            Flush: lambda request, _: self._flush(request),
            Retrieve: lambda request, _: self._retrieve(request),
            Scroll: lambda request, _: self._scroll(request),
        }

    def ask(self, request: Request, vectors: Rows = ()) -> Answered:
        if isinstance(request, Nearest):
            return self._nearest.ask((request, vectors))
        with self._working():
            if isinstance(request, _WRITING):
                require_space(self._folder)
            return self._doing[type(request)](request, vectors)

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Keep other threads out, and explain what the engine says."""
        with self._lock:
            if self._closed:
                raise HolderGoneError(f"{self._folder} was closed meanwhile; try again")
            try:
                yield
            except PipelineError:
                raise
            # The engine raises Exception itself, and its panics derive from BaseException alone.
            except BaseException as error:
                raise self._explained(error) from error

    def close(self) -> None:
        """Put everything on the disk, build what is due, and give the folder back."""
        with self._lock:
            try:
                for name in sorted(self._written & self._catalogue.collections.keys()):
                    self.ask(Optimize(collection=name))
                for shard in self._shards.values():
                    shard.close()
            finally:
                self._closed = True
                self._shards.clear()
                self._lock_file.close()

    def _explained(self, error: BaseException) -> BaseException:
        said = str(error)
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError | KeyError):
            return error
        if "dimension error" in said or isinstance(error, ValueError | TypeError):
            return ConfigurationError(f"{self._folder}: the embedded Qdrant refuses: {said}")
        return TransientError(
            f"{self._folder}: the embedded Qdrant could not do it ({said}); see whether the "
            "disk is full or the folder read-only, then try again"
        )

    def _entry(self, name: str) -> tuple[str, CollectionEntry]:
        own = self._catalogue.aliases.get(name, name)
        if own not in self._catalogue.collections:
            raise missing(self._folder, name)
        return own, self._catalogue.collections[own]

    def _shard(self, name: str) -> edge.EdgeShard:
        own, entry = self._entry(name)
        if own not in self._shards:
            self._shards[own] = self._load(own, entry)
        return self._shards[own]

    def _load(self, name: str, entry: CollectionEntry) -> edge.EdgeShard:
        path = self._folder / entry.folder
        # Without segments, the engine would take what its log still has for everything.
        whole = (path / "segments").is_dir() and any((path / "segments").iterdir())
        try:
            if whole:
                return _opened(path, entry.dim)
            found = "its segments are missing"
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
                raise
            if "WouldBlock" in str(error):
                raise TransientError(f"{path} is in use by another process; try again") from error
            found = str(error)
        raise ConfigurationError(
            f"{path}, which holds collection {name!r}, is damaged ({found}); restore "
            f"{self._folder} from a backup, or move it away and type oriane run, which indexes "
            "anew what S3 holds"
        )

    def _written_shard(self, name: str) -> edge.EdgeShard:
        own = self._entry(name)[0]
        self._written.add(own)
        self._known.pop(own, None)
        return self._shard(name)

    def _known_points(self, name: str) -> KnownPoints:
        """Return what has been read of a collection since it last changed."""
        own, entry = self._entry(name)
        if own not in self._known:
            self._known[own] = KnownPoints(entry.dim)
        return self._known[own]

    def _create(self, request: Create) -> Answered:
        if request.collection not in self._catalogue.collections:
            entry = CollectionEntry(model=request.model, dim=request.dim, folder=uuid.uuid4().hex)
            shard = make_shard(self._folder / entry.folder, request.dim)
            # Whoever dies before this leaves a folder that no catalogue names.
            self._keep(collections={**self._catalogue.collections, request.collection: entry})
            self._shards[request.collection] = shard
        return Answered(Answer())

    def _point(self, request: PointAliases) -> Answered:
        aliases = dict(self._catalogue.aliases)
        for alias, name in request.changes.items():
            if request.unless_there and alias in aliases:
                continue
            aliases.pop(alias, None)
            if name is not None:
                aliases[alias] = self._entry(name)[0]
        if aliases != self._catalogue.aliases:
            self._keep(aliases=aliases)
        return Answered(Answer())

    def _keep(self, **changed: Any) -> None:
        catalogue = self._catalogue.model_copy(update=changed)
        catalogues.write(self._folder, catalogue)
        self._catalogue = catalogue

    def _clear_unfinished(self) -> None:
        known = {entry.folder for entry in self._catalogue.collections.values()}
        for path in self._folder.iterdir():
            if len(path.name) == 32 and path.name not in known and (path / "wal").is_dir():
                shutil.rmtree(path)

    def _count(self, request: Count) -> Answered:
        return Answered(Answer(count=self._shard(request.collection).info().points_count))

    def _optimize(self, name: str) -> Answered:
        own = self._entry(name)[0]
        shard = self._shard(own)
        shard.flush()
        if shard.info().points_count >= GRAPH_FROM_POINTS:
            # It may have been opened while it was smaller.
            self._shards.pop(own).close()
            shard = self._shard(own)
        shard.optimize()
        self._written.discard(own)
        return Answered(Answer())

    def _upsert(self, request: Upsert, vectors: Rows) -> Answered:
        if len(vectors) != len(request.ids) or len(request.payloads) != len(request.ids):
            raise ConfigurationError(
                f"upsert: expected a vector and a payload for each of {len(request.ids)} points, "
                f"found {len(vectors)} and {len(request.payloads)}"
            )
        points = [
            edge.Point(identifier, list(vector), payload)
            for identifier, vector, payload in zip(
                request.ids, vectors, request.payloads, strict=True
            )
        ]
        shard = self._written_shard(request.collection)
        shard.update(edge.UpdateOperation.upsert_points(points))
        own = self._entry(request.collection)[0]
        self._unflushed[own] = self._unflushed.get(own, 0) + len(points)
        return Answered(Answer(count=len(points)))

    def _describe(self, request: Describe) -> Answered:
        shard = self._written_shard(request.collection)
        for identifier, payload in zip(request.ids, request.payloads, strict=True):
            shard.update(edge.UpdateOperation.set_payload([identifier], payload))
        return Answered(Answer())

    def _delete(self, request: Delete) -> Answered:
        operation = edge.UpdateOperation.delete_points(list(request.ids))
        self._written_shard(request.collection).update(operation)
        return Answered(Answer())

    def _delete_where(self, request: DeleteWhere) -> Answered:
        selected = filter_of(request.where) or edge.Filter()
        operation = edge.UpdateOperation.delete_points_by_filter(selected)
        self._written_shard(request.collection).update(operation)
        return Answered(Answer())

    def _flush(self, request: Flush) -> Answered:
        own, entry = self._entry(request.collection)
        shard = self._shard(own)
        if self._unflushed.get(own, 0) >= _FLUSH_POINTS:
            shard.flush()
            self._unflushed[own] = 0
        # The log has all that was acknowledged since the last flush, and takes a tenth of its time.
        _sync_log(self._folder / entry.folder / "wal")
        return Answered(Answer())

    def _retrieve(self, request: Retrieve) -> Answered:
        shard = self._shard(request.collection)
        return reading.retrieved(shard, request, self._known_points(request.collection))

    def _scroll(self, request: Scroll) -> Answered:
        return reading.scrolled(self._shard(request.collection), request)

    def _nearest_to_each(self, asked: list[tuple[Nearest, Rows]]) -> list[Answered]:
        """Return what is near each vector: one pass for all that ask the same collection."""
        answered: dict[int, Answered] = {}
        with self._working():
            for name in dict.fromkeys(request.collection for request, _ in asked):
                own = {at: one for at, one in enumerate(asked) if one[0].collection == name}
                found = reading.nearest(
                    self._shard(name), list(own.values()), self._known_points(name)
                )
                answered.update(zip(own, found, strict=True))
        return [answered[at] for at in range(len(asked))]


def _sync_log(folder: Path) -> None:
    """Have all files of a log on the disk; a thread of the engine makes and renames them."""
    synced: set[int] = set()
    renamed = True
    while renamed:
        renamed = False
        for path in folder.iterdir():
            try:
                with path.open("rb") as file:
                    if (number := os.fstat(file.fileno()).st_ino) not in synced:
                        os.fsync(file.fileno())
                        synced.add(number)
            except FileNotFoundError:
                renamed = True
    catalogues.sync(folder)


def make_shard(path: Path, dim: int) -> edge.EdgeShard:
    """Make an empty collection in a folder that is not there yet."""
    path.mkdir()
    shard = edge.EdgeShard.create(str(path), _config(dim))
    for field, kind in INDEXED_FIELDS.items():
        shard.update(edge.UpdateOperation.create_field_index(field, _SCHEMA_TYPES[kind]))
    shard.flush()
    return shard


def _opened(path: Path, dim: int) -> edge.EdgeShard:
    """Open a collection that is there."""
    shard = edge.EdgeShard.load(str(path), _config(dim))
    if shard.info().points_count < GRAPH_FROM_POINTS:
        return shard
    shard.close()
    return edge.EdgeShard.load(str(path), _config(dim, graph=True))


def _config(dim: int, *, graph: bool = False) -> edge.EdgeConfig:
    return edge.EdgeConfig(
        # Mapped from the disk: what memory there is holds them, and nothing is read ahead.
        vectors=edge.EdgeVectorParams(
            size=dim,
            distance=edge.Distance.Cosine,
            memory=edge.Memory.Cold,
            hnsw_config=None if graph else _NO_GRAPH,
            quantization_config=edge.ScalarQuantizationConfig(
                edge.ScalarType.Int8, always_ram=True
            ),
        ),
        optimizers=edge.EdgeOptimizersConfig(
            indexing_threshold=max(QUANTIZED_FROM_POINTS * dim * 4 // 1024, 1),
            default_segment_number=1,
        ),
    )


_NO_GRAPH = edge.HnswIndexConfig(m=0, ef_construct=1, full_scan_threshold=1)
