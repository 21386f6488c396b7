"""Points as they lie in a collection, whichever engine holds it: read, put, removed by force."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.settings import Settings
from components.stores.vectors.edge import catalogue as files
from components.stores.vectors.edge.collection import EdgeCollection
from components.stores.vectors.edge.requests import Create, Retrieve, Scroll, Upsert
from components.stores.vectors.open import open_store
from components.stores.vectors.store import Collection

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

# What the tests' own points and readers ask for.
_FIELDS = (
    "created_at", "cropped", "dated", "dhash", "duration", "frame_number", "frame_second",
    "frames_fingerprint", "model", "path", "platform",
    "scene_end", "scene_start", "uuid", "video_code",
)  # fmt: skip
Raw = tuple[int | str, list[float], dict[str, Any]]


def all_points(collection: Collection) -> dict[str, dict[str, Any]]:
    """Return the payload of every point, with its `vector`, by id."""
    if isinstance(collection, EdgeCollection):
        page = Scroll(collection=collection.name, limit=10_000, fields=_FIELDS, vectors=True)
        found = collection.engine.ask(page)
        raw = [
            (row.id, list(vector), row.payload)
            for row, vector in zip(found.answer.rows, found.vectors, strict=True)
        ]
    else:
        client = _client(collection)
        records, _ = client.scroll(collection.name, limit=10_000, with_vectors=True)
        raw = [(record.id, record.vector, record.payload or {}) for record in records]  # type: ignore[misc]
    return {
        str(identifier): {**payload, "vector": [round(float(value), 4) for value in vector]}
        for identifier, vector, payload in raw
    }


def put(collection: Collection, *points: Raw) -> None:
    """Put points there as another program would."""
    if isinstance(collection, EdgeCollection):
        ids, vectors, payloads = zip(*points, strict=True)
        collection.engine.ask(
            Upsert(collection=collection.name, ids=ids, payloads=payloads), vectors
        )
        return
    from qdrant_client import models

    structs = [
        models.PointStruct(id=identifier, vector=vector, payload=payload)
        for identifier, vector, payload in points
    ]
    _client(collection).upsert(collection.name, structs)


def change(
    collection: Collection, identifier: str, vector: list[float] | None = None, **payload: Any
) -> None:
    """Change the vector of a point, or fields of its payload."""
    if isinstance(collection, EdgeCollection):
        question = Retrieve(
            collection=collection.name, ids=(identifier,), fields=_FIELDS, vectors=True
        )
        found = collection.engine.ask(question)
        own = vector or list(found.vectors[0])
        put(collection, (identifier, own, found.answer.rows[0].payload | payload))
        return
    from qdrant_client import models

    client = _client(collection)
    if vector:
        points = [models.PointVectors(id=identifier, vector=vector)]
        client.update_vectors(collection.name, points=points)
    if payload:
        client.set_payload(collection.name, payload, points=[identifier])


def make_plain(collection: Collection, name: str, dim: int = 4) -> None:
    """Make a collection as another program would: it names no model."""
    if isinstance(collection, EdgeCollection):
        collection.engine.ask(Create(collection=name, model=None, dim=dim))
        return
    from qdrant_client import models

    size = models.VectorParams(size=dim, distance=models.Distance.COSINE)
    _client(collection).create_collection(name, vectors_config=size)


def fresh(collection: Collection) -> Collection:
    """Return the same collection as one sees it who has not asked yet."""
    if isinstance(collection, EdgeCollection):
        return EdgeCollection(collection.engine, collection.settings, collection.name)
    from components.stores.vectors.qdrant.collection import QdrantCollection

    assert isinstance(collection, QdrantCollection)
    return QdrantCollection(collection.connection, collection.name)


def _client(collection: Collection) -> QdrantClient:
    """Return the client of a collection that is not Edge's; to import one takes a second."""
    from components.stores.vectors.qdrant.collection import QdrantCollection

    assert isinstance(collection, QdrantCollection)
    return collection.connection.client


def points_below(folder: Path, name: str = "watched_frames") -> dict[str, dict[str, Any]]:
    """Return the points of the embedded Qdrant in a folder that no process has open."""
    settings = Settings.load().having("index", url=str(folder), collection=name).index
    with closing(open_store(settings)) as store:
        return all_points(store.collection())


def aliases_below(folder: Path) -> dict[str, str]:
    """Return the collection of every alias of the embedded Qdrant in a folder."""
    return files.read(folder).aliases


def names_below(folder: Path) -> list[str]:
    """Return the collections of the embedded Qdrant in a folder."""
    return sorted(files.read(folder).collections)
