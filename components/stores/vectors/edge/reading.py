"""What is read of a shard of Qdrant Edge, as requests ask for it and answers give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import qdrant_edge as edge

from components.errors import ConfigurationError
from components.stores.vectors.edge.filters import filter_of
from components.stores.vectors.edge.known_points import KnownPoints, as_vector, number_of
from components.stores.vectors.edge.requests import (
    Answer,
    Answered,
    Nearest,
    PointId,
    Retrieve,
    Row,
    Rows,
    Scroll,
)

if TYPE_CHECKING:
    from components.base.vectors import Vectors

# So many times the best that are asked for are scored by their whole vectors.
_OVERSAMPLING = 2.0
_EXACT_SCORES = edge.SearchParams(
    quantization=edge.QuantizationSearchParams(rescore=True, oversampling=_OVERSAMPLING)
)


def retrieved(shard: edge.EdgeShard, request: Retrieve, known: KnownPoints) -> Answered:
    """Return the points with these ids that are there."""
    if request.vectors and not request.fields:
        vectors = known.vectors.get(request.ids, lambda ids: _vectors(shard, ids))
        rows = tuple(Row(identifier) for identifier, _ in vectors)
        return Answered(Answer(rows=rows), [vector for _, vector in vectors])
    found = shard.retrieve(list(request.ids), _fields(request.fields), request.vectors)
    return _answered(found, vectors=request.vectors)


def scrolled(shard: edge.EdgeShard, request: Scroll) -> Answered:
    """Return a page of points in order of their ids."""
    found, offset = shard.scroll(
        edge.ScrollRequest(
            offset=request.offset,
            limit=request.limit,
            filter=filter_of(request.where),
            with_payload=_fields(request.fields),
            with_vector=request.vectors,
        )
    )
    return _answered(found, vectors=request.vectors, offset=offset)


def nearest(
    shard: edge.EdgeShard, asked: Sequence[tuple[Nearest, Rows]], known: KnownPoints
) -> list[Answered]:
    """Return the points nearest to the one vector of each request, all found in one pass.

    Raises:
        ConfigurationError: a request comes with other than one vector.
    """
    queries = [_query(request, vectors) for request, vectors in asked]
    found = shard.query_batch(edge.QueryBatchRequest(queries))
    return [
        _with_payloads(shard, request, points, known)
        for (request, _), points in zip(asked, found, strict=True)
    ]


def _query(request: Nearest, vectors: Rows) -> edge.QueryRequest:
    if len(vectors) != 1:
        raise ConfigurationError(f"nearest: expected one vector, found {len(vectors)}")
    return edge.QueryRequest(
        query=edge.Query.Nearest(list(vectors[0])),
        limit=request.limit,
        filter=filter_of(request.where),
        # Most are known: what is read of points is the larger part of the time.
        with_payload=False,
        with_vector=request.vectors,
        params=_EXACT_SCORES,
    )


def _with_payloads(
    shard: edge.EdgeShard, request: Nearest, found: Sequence[Any], known: KnownPoints
) -> Answered:
    if not request.fields:
        return _answered(found, vectors=request.vectors)
    points = {number_of(point.id): point for point in found}
    payloads = known.payloads(request.fields).get(
        list(points),
        lambda missing: _payloads(shard, [points[one].id for one in missing], request.fields),
    )
    rows = tuple(
        Row(identifier, payload, point.score)
        for (identifier, payload), point in zip(payloads, found, strict=True)
    )
    return Answered(Answer(rows=rows), [p.vector for p in found] if request.vectors else ())


def _answered(
    found: Sequence[Any], *, vectors: bool, offset: PointId | UUID | None = None
) -> Answered:
    rows = tuple(
        Row(_plain(point.id), point.payload or {}, getattr(point, "score", 0.0)) for point in found
    )
    answer = Answer(rows=rows, offset=None if offset is None else _plain(offset))
    return Answered(answer, [point.vector for point in found] if vectors else ())


def _payloads(
    shard: edge.EdgeShard, ids: list[Any], fields: Sequence[str]
) -> Mapping[int, tuple[PointId, dict[str, Any]]]:
    return {
        number_of(point.id): (_plain(point.id), point.payload or {})
        for point in shard.retrieve(ids, list(fields), False)
    }


def _vectors(shard: edge.EdgeShard, ids: list[Any]) -> Mapping[PointId, tuple[PointId, Vectors]]:
    found = ((_plain(point.id), point.vector) for point in shard.retrieve(ids, False, True))
    return {identifier: (identifier, as_vector(vector)) for identifier, vector in found}


def _fields(fields: Sequence[str]) -> Any:
    return list(fields) if fields else False


def _plain(identifier: PointId | UUID) -> PointId:
    return identifier if isinstance(identifier, int) else str(identifier)
