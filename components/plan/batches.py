"""Batches of shards, one a child workflow, where one workflow cannot hold them all."""

from __future__ import annotations

from components.errors import ConfigurationError
from components.plan.contract import Batch

# A thousand child workflows are about a megabyte of their parent's status, before compression.
_MOST_BATCHES = 1000


def batched_shards(shards: int, most: int) -> tuple[Batch, ...]:
    """Return batches of `most` shards, or none if one workflow can handle all.

    Raises:
        ConfigurationError: more batches than one workflow should start.
    """
    if not most or shards <= most:
        return ()
    if shards > most * _MOST_BATCHES:
        raise ConfigurationError(
            f"{shards} shards make more than {_MOST_BATCHES} batches of {most}; raise "
            "videos_per_shard, mb_per_shard or shards_per_batch, or set limit"
        )
    return tuple(
        Batch(first=first, count=min(most, shards - first)) for first in range(0, shards, most)
    )
