"""The points of frames: what they carry, how they are found again, what a search gives back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Protocol, TypeVar

from qdrant_client import models

from components.encoders.encoder import Vectors
from components.manifest import Frame, Video, point_id

T = TypeVar("T")

# What readers rely on; a point that lacks one of them is not ours.
FIELDS = frozenset(
    {"platform", "video_code", "frame_number", "frame_second", "path", "model"}
    | {"scene_start", "scene_end"}
)
FINGERPRINT = "frames_fingerprint"


class VideoFrames(Protocol):
    """A video with its frames, their keys in the frames bucket and their ids in Qdrant."""

    @property
    def video(self) -> Video: ...
    @property
    def frames(self) -> tuple[Frame, ...]: ...
    def path(self, frame: Frame) -> str: ...
    def point_id(self, frame: Frame) -> str: ...


@dataclass(frozen=True)
class Hit:
    """A frame that a search found; `score` is the cosine similarity."""

    score: float
    platform: str
    code: str
    second: float
    frame_number: int
    scene_start: float
    scene_end: float
    path: str


@dataclass(frozen=True)
class Point:
    """A point as it lies in the collection; what its payload lacks is None."""

    id: str
    platform: str | None
    code: str | None
    number: int | None
    model: str | None

    @property
    def is_frame(self) -> bool:
        """Whether it is a frame's, as its id tells; any other is not this program's."""
        if self.platform is None or self.code is None or self.number is None:
            return False
        return self.id == point_id(self.platform, self.code, self.number)


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


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


def hit(point: models.ScoredPoint) -> Hit:
    """Return a search's point as readers see it.

    Raises:
        KeyError: it is not a point of ours.
    """
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
