"""The points of frames: what they carry, how they are found again, what a search gives back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from qdrant_client import models

from components.base.side_by_side import batches
from components.base.vectors import Vectors
from components.records.videos import Video
from components.stores.vectors.collection import Found
from components.stores.vectors.payloads import (
    FIELDS,
    frame_of,
    has_fields,
    payload_of,
    point_of,
)
from components.stores.vectors.store import Point, StoredFrame, VideoFrames


def upsert_batches(
    framed: VideoFrames, vectors: Vectors, model: str, fingerprint: str, size: int
) -> Iterator[models.Batch]:
    """Yield the video's points, at most `size` of them together."""
    created_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    pairs = zip(framed.frames, vectors, strict=True)
    for batch in batches(pairs, size):
        frames = [frame for frame, _ in batch]
        yield models.Batch(
            ids=[framed.point_id(frame) for frame in frames],
            vectors=[vector.tolist() for _, vector in batch],
            payloads=[
                payload_of(framed, frame, model, fingerprint, created_at) for frame in frames
            ],
        )


def equals(key: str, value: str) -> models.FieldCondition:
    """Return the condition that a payload field has this value."""
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def of_video(video: Video) -> list[models.Condition]:
    """Return the conditions that a point is one of the video's."""
    return [equals("platform", video.platform), equals("video_code", video.code)]


def lacking() -> list[models.Condition]:
    """Return the conditions of which a point that is not a frame's meets one."""
    return [
        models.IsEmptyCondition(is_empty=models.PayloadField(key=field)) for field in sorted(FIELDS)
    ]


def is_frame(point: models.ScoredPoint | models.Record) -> bool:
    """Return whether a point has what readers of frames rely on."""
    return has_fields(point.payload or {})


def found(point: models.ScoredPoint) -> Found:
    """Return a point that a search found."""
    vector: Any = point.vector
    return Found(str(point.id), point.payload or {}, point.score, vector)


def stored_frame(record: models.Record, vector: list[float] | None) -> StoredFrame:
    """Return the point of a frame with all that readers know of it."""
    return frame_of(record.payload or {}, vector)


def stored_point(record: models.Record) -> Point:
    """Return a point as it lies there, whoever made it."""
    return point_of(record.id, record.payload or {})
