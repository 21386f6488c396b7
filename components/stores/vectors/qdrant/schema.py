"""How a collection of frames is named, made and recognised."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from qdrant_client import models

from components.settings import IndexSettings
from components.stores.vectors.errors import foreign
from components.stores.vectors.payloads import INDEXED_FIELDS
from components.stores.vectors.qdrant.connection import AlreadyThereError, QdrantConnection

# Qdrant's own, which a collection gets back after its backfill.
_INDEXING_THRESHOLD_KB = 10_000


def create(
    connection: QdrantConnection, name: str, model: str, dim: int, *, deferred: bool = False
) -> None:
    """Create a collection as the settings say, unless it is there.

    Args:
        deferred: Build no index yet: faster for many points, until `build_index` is called.
    """
    settings = connection.settings
    if connection.call(connection.client.collection_exists, name):
        return
    with suppress(AlreadyThereError):  # since a moment ago, by another process
        connection.call(
            connection.client.create_collection,
            name,
            vectors_config=models.VectorParams(
                size=dim, distance=models.Distance.COSINE, on_disk=settings.on_disk
            ),
            hnsw_config=models.HnswConfigDiff(
                m=settings.hnsw_m,
                ef_construct=settings.hnsw_ef_construct,
                on_disk=settings.hnsw_on_disk,
            ),
            quantization_config=_quantization(settings),
            shard_number=settings.shards,
            replication_factor=settings.replicas,
            optimizers_config=_indexing(0) if deferred else None,
            metadata={"model": model},
        )


def ensure_field_indexes(
    connection: QdrantConnection, name: str, info: models.CollectionInfo
) -> None:
    """Index the payload fields that are filtered by, where a process died before it did."""
    if connection.embedded:
        return
    for field, kind in INDEXED_FIELDS.items():
        if field not in info.payload_schema:
            connection.call(
                connection.client.create_payload_index,
                name,
                field,
                models.PayloadSchemaType(kind),
            )


def is_deferred(info: models.CollectionInfo) -> bool:
    """Return whether the collection was made without an index and has none yet."""
    return info.config.optimizer_config.indexing_threshold == 0


def build_index(connection: QdrantConnection, name: str) -> None:
    """Let Qdrant build the index; it goes on after this returns."""
    connection.call(
        connection.client.update_collection,
        name,
        optimizers_config=_indexing(_INDEXING_THRESHOLD_KB),
    )


def dimensions(name: str, info: models.CollectionInfo) -> int:
    """Return the length of the collection's vectors.

    Raises:
        ConfigurationError: it has several vectors a point, or another distance than cosine.
    """
    params = info.config.params.vectors
    if not isinstance(params, models.VectorParams):
        raise foreign(name, "it has named vectors")
    if params.distance != models.Distance.COSINE:
        raise foreign(name, f"it compares vectors by {params.distance.value}")
    return params.size


def declared_model(info: models.CollectionInfo) -> str | None:
    """Return the model that the collection was made for; None where it does not say."""
    model: Any = (info.config.metadata or {}).get("model")
    return str(model) if model else None


def _quantization(settings: IndexSettings) -> models.ScalarQuantization | None:
    if settings.quantization == "none":
        return None
    return models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(
            type=models.ScalarType.INT8, always_ram=settings.quantized_in_ram
        )
    )


def _indexing(threshold_kb: int) -> models.OptimizersConfigDiff:
    return models.OptimizersConfigDiff(indexing_threshold=threshold_kb)
