"""The rows of an export: a frame each, with names that need no knowledge of the stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from components.errors import ConfigurationError
from components.settings import Settings
from components.stores.vectors.open import open_store
from components.stores.vectors.store import StoredFrame
from workflows.local.stand_ins import frame_location
from workflows.search.query import searcher


@dataclass(frozen=True)
class ExportedFrame(StoredFrame):
    """A frame, with where it can be opened, and its score where a search found it."""

    location: str = ""
    score: float | None = None

    def row(self, *, vectors: bool) -> dict[str, Any]:
        """Return the columns by name; those that do not apply are left out."""
        row = asdict(self)
        if not vectors:
            del row["vector"]
        if self.score is None:
            del row["score"]
        return row


def all_frames(
    settings: Settings, platform: str, code: str, *, vectors: bool
) -> Iterator[ExportedFrame]:
    """Yield every frame of the collection, or of a platform or video.

    Raises:
        ConfigurationError: there is no collection.
        TransientError: the store does not answer.
    """
    with closing(open_store(settings.index)) as store:
        store.collection().require()
        for frame in store.collection().frames(platform, code, vectors=vectors):
            location = frame_location(settings, frame.path)
            yield ExportedFrame(**vars(frame), location=location)


def found_frames(
    settings: Settings, query: str, limit: int, platform: str, code: str, *, vectors: bool
) -> Iterator[ExportedFrame]:
    """Yield the frames that fit a text, best first.

    Raises:
        PipelineError: as a search does.
    """
    with searcher(settings) as searching:
        hits = searching.find(query, limit=limit, platform=platform or None, code=code or None)
        names = [(hit.platform, hit.code, hit.frame_number) for hit in hits]
        embedded = searching.vectors(names) if vectors else {}
    for hit, name in zip(hits, names, strict=True):
        yield ExportedFrame(
            platform=hit.platform,
            code=hit.code,
            frame_number=hit.frame_number,
            second=hit.second,
            scene_start=hit.scene_start,
            scene_end=hit.scene_end,
            path=hit.path,
            model=searching.model,
            vector=embedded.get(name),
            location=hit.location,
            score=hit.score,
        )


def require_rows(count: int, settings: Settings) -> None:
    """Refuse to take an empty table for a result.

    Raises:
        ConfigurationError: there is no row.
    """
    if not count:
        raise ConfigurationError(
            f"no frame of collection {settings.index.collection!r} is of this platform and video; "
            "`oriane status` shows what there is"
        )
