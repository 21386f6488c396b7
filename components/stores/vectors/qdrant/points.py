"""The points of frames: what they carry, how they are found again, what a search gives back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from qdrant_client import models

from components.base.side_by_side import batches
from components.base.vectors import Vectors
from components.records.videos import Frame, Video
from components.stores.vectors.store import Hit, Neighbour, Point, StoredFrame, VideoFrames

# What readers rely on; a point that lacks one of them is not a frame's.
FIELDS = frozenset(
    {"platform", "video_code", "frame_number", "frame_second", "path", "model"}
    | {"scene_start", "scene_end"}
)
FINGERPRINT = "frames_fingerprint"
# What answers are folded and filtered by; points of earlier versions lack them.
DHASH, DURATION, CROPPED, DATED = "dhash", "duration", "cropped", "dated"


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
            payloads=[_payload(framed, frame, model, fingerprint, created_at) for frame in frames],
        )


def _payload(
    framed: VideoFrames, frame: Frame, model: str, fingerprint: str, created_at: str
) -> dict[str, Any]:
    payload = {
        "uuid": framed.point_id(frame),
        "platform": framed.video.platform,
        "video_code": framed.video.code,
        "frame_number": frame.number,
        "frame_second": frame.second,
        "path": framed.path(frame),
        "created_at": created_at,
        "model": model,
        "scene_start": frame.scene_start,
        "scene_end": frame.scene_end,
    }
    return payload | ({FINGERPRINT: fingerprint} if fingerprint else {})


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
    return (point.payload or {}).keys() >= FIELDS


def hit(point: models.ScoredPoint) -> Hit:
    """Return the point of a frame, which a search found, as readers see it."""
    payload: dict[str, Any] = point.payload or {}
    return Hit(
        score=round(point.score, 4),
        platform=payload["platform"],
        code=payload["video_code"],
        second=payload["frame_second"],
        frame_number=payload["frame_number"],
        scene_start=payload["scene_start"],
        scene_end=payload["scene_end"],
        path=payload["path"],
    )


def neighbour(point: models.ScoredPoint) -> Neighbour:
    """Return the point of a frame, which a search found, as answers are made of it."""
    vector: Any = point.vector
    return Neighbour(hit(point), str((point.payload or {}).get(DHASH, "")), vector)


def stored_frame(record: models.Record, vector: list[float] | None) -> StoredFrame:
    """Return the point of a frame with all that readers know of it."""
    payload: dict[str, Any] = record.payload or {}
    return StoredFrame(
        platform=payload["platform"],
        code=payload["video_code"],
        frame_number=payload["frame_number"],
        second=payload["frame_second"],
        scene_start=payload["scene_start"],
        scene_end=payload["scene_end"],
        path=payload["path"],
        model=payload["model"],
        vector=vector,
    )


def stored_point(record: models.Record) -> Point:
    """Return a point as it lies there, whoever made it."""
    payload: dict[str, Any] = record.payload or {}
    number, model = payload.get("frame_number"), payload.get("model")
    platform, code = payload.get("platform"), payload.get("video_code")
    return Point(
        id=str(record.id),
        platform=platform if isinstance(platform, str) else None,
        code=code if isinstance(code, str) else None,
        number=number if isinstance(number, int) else None,
        model=model if isinstance(model, str) else None,
    )
