"""What the shards of a run are called where people watch it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from components.records.videos import Video

# Argo takes letters, digits, dots and dashes for a node's name in its UI, 63 at most.
_FOREIGN = re.compile(r"[^A-Za-z0-9.]+")
_LONGEST = 48
# A workflow's status must stay far below the megabyte that etcd takes, and each node on the way to
# the shards holds the list that it is given: plan twice, three DAGs, and twice for every batch.
_MOST_BYTES = 256_000
_HOLDERS, _HOLDERS_A_BATCH = 5, 2


def shard_names(shards: Iterable[Sequence[Video]], batches: int) -> tuple[str, ...]:
    """Return a name a shard: its number of six digits and its video's name, or how many it holds.

    None where they are too many to be handed on.
    """
    holders = _HOLDERS + _HOLDERS_A_BATCH * batches
    names, length = [], 0
    for number, videos in enumerate(shards):
        name = f"{number:06d}{_title(videos)}"
        names.append(name)
        length += len(name) + len('"",')
        if length * holders > _MOST_BYTES:
            return ()
    return tuple(names)


def _title(videos: Sequence[Video]) -> str:
    """Return what follows the number; nothing if no character of the name can be shown."""
    if len(videos) > 1:
        return f"-{len(videos)}-videos"
    cleaned = _FOREIGN.sub("-", f"{videos[0].platform}-{videos[0].code}")[:_LONGEST].strip("-.")
    return f"-{cleaned}" if cleaned else ""
