"""Takes over, once, the folder of qdrant-client's local mode, which held the points before.

The new collections are built beside the old ones and the catalogue that names them is written last,
in one step: whoever dies before leaves the old folder as it was. Then the old files go into a
folder of their own, which nobody reads any more.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import qdrant_edge as edge

from components.base.logs import log
from components.errors import ConfigurationError
from components.stores.vectors.edge import catalogue as catalogues
from components.stores.vectors.edge.folder import make_shard
from components.stores.vectors.edge.requests import Catalogue, CollectionEntry
from components.stores.vectors.qdrant import embedded

KEPT = "before-edge"
_OLD = ("meta.json", "collection")


def take_over(folder: Path) -> None:
    """Take over what an earlier version left in a folder whose lock this process has.

    Raises:
        ConfigurationError: the old folder is damaged, or came back beside the new one.
        TransientError: a process of an earlier version uses it.
    """
    if not (folder / _OLD[0]).exists():
        return
    if catalogues.is_there(folder):
        if (folder / KEPT / _OLD[0]).exists():
            raise ConfigurationError(
                f"{folder} holds points of an earlier version beside those of this one; move "
                f"{folder / _OLD[0]} and {folder / _OLD[1]} away"
            )
        _put_aside(folder)
        return
    for unfinished in folder.glob("[0-9a-f]" * 32):
        shutil.rmtree(unfinished)
    points = 0
    collections: dict[str, CollectionEntry] = {}
    with embedded.opened(folder) as old:
        for collection in old.collections():
            own = CollectionEntry(
                model=collection.model, dim=collection.dim, folder=uuid.uuid4().hex
            )
            points += _copied(folder / own.folder, collection.dim, collection.pages)
            collections[collection.name] = own
        aliases = old.aliases()
    catalogues.write(folder, Catalogue(collections=collections, aliases=aliases))
    _put_aside(folder)
    log.warning(
        "%s: %d points of qdrant-client's local mode were taken over into Qdrant Edge; the old "
        "files are in %s and can be removed", folder, points, folder / KEPT,
    )  # fmt: skip


def _copied(path: Path, dim: int, pages: Iterator[list[tuple[Any, list[float], Any]]]) -> int:
    shard, count = make_shard(path, dim), 0
    for page in pages:
        points = [edge.Point(identifier, vector, payload) for identifier, vector, payload in page]
        shard.update(edge.UpdateOperation.upsert_points(points))
        count += len(points)
    shard.flush()
    shard.close()
    return count


def _put_aside(folder: Path) -> None:
    kept = folder / KEPT
    kept.mkdir(exist_ok=True)
    # The catalogue goes last: while it is here, this is done again.
    for name in reversed(_OLD):
        if (folder / name).exists():
            (folder / name).replace(kept / name)
    catalogues.sync(folder)
