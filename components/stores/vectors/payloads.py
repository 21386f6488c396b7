"""What the point of a frame carries, and what readers see of it, whichever engine holds it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.records.record import Name
from components.records.videos import Frame
from components.stores.vectors.store import Point, StoredFrame, VideoFrames

Payload = dict[str, Any]

# What readers rely on; a point that lacks one of them is not a frame's.
FIELDS = frozenset(
    {"platform", "video_code", "frame_number", "frame_second", "path", "model"}
    | {"scene_start", "scene_end"}
)
# JSON's readers keep whole numbers up to here.
MOST_FRAME_NUMBER = 2**53
_DHASH = re.compile(r"[0-9a-f]{16}")
FINGERPRINT = "frames_fingerprint"
# What answers are folded and filtered by; points of earlier versions lack them.
DHASH, DURATION, CROPPED, DATED = "dhash", "duration", "cropped", "dated"
# What answers are made of.
OF_A_FRAME = (*sorted(FIELDS), DHASH)
# Half a kilobyte each.
_REMEMBERED = 65_536
# What tells whose a point is, and whether it has all of a frame's.
OWNERSHIP = ("platform", "video_code", "frame_number", "model", DHASH, CROPPED)
Kind = Literal["keyword", "integer", "float", "datetime"]
# Searches and deletions filter by these.
INDEXED_FIELDS: dict[str, Kind] = {
    "video_code": "keyword",
    "platform": "keyword",
    "model": "keyword",
    "frame_second": "float",
    DURATION: "float",
    CROPPED: "integer",
    DATED: "datetime",
}


def payload_of(
    framed: VideoFrames, frame: Frame, model: str, fingerprint: str, created_at: str
) -> Payload:
    """Return what the point of a frame carries beside its vector."""
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
    known = {FINGERPRINT: fingerprint} if fingerprint else {}
    return payload | known | description(framed, frame)


def description(framed: VideoFrames, frame: Frame) -> Payload:
    """Return what answers are folded and filtered by, as far as it is known."""
    known = {
        DHASH: framed.dhash(frame) or None,
        DURATION: framed.duration,
        # 1 or 0: Qdrant Edge 0.9 takes a boolean that it is asked for as a number, and finds none.
        CROPPED: None if framed.is_cropped is None else int(framed.is_cropped),
        DATED: framed.dated,
    }
    return {field: value for field, value in known.items() if value is not None}


class _FrameFields(BaseModel):
    """What each of `FIELDS` has to be: another program may give them any value."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    platform: Name
    video_code: Name
    frame_number: int = Field(ge=0, le=MOST_FRAME_NUMBER)
    frame_second: float
    path: str
    model: str
    scene_start: float
    scene_end: float


def has_fields(payload: Payload) -> bool:
    """Return whether a point has what readers of frames rely on, and as they take it."""
    try:
        found = _FrameFields.model_validate(payload)
    except ValidationError:
        return False
    folder, _, file = found.path.rpartition("/")
    return folder == f"{found.platform}/{found.video_code}" and bool(file)


def fits(payload: Payload, model: str | None, fingerprint: str) -> bool:
    """Return whether a point is of this model and fingerprint, where they are given."""
    # Points of earlier versions name no fingerprint.
    return (model is None or payload.get("model") == model) and (
        not fingerprint or payload.get(FINGERPRINT, fingerprint) == fingerprint
    )


def frame_of(payload: Payload, vector: list[float] | None = None) -> StoredFrame:
    """Return the point of a frame, one that `has_fields`, with all that readers know of it."""
    return StoredFrame(
        platform=payload["platform"],
        code=payload["video_code"],
        frame_number=payload["frame_number"],
        second=payload["frame_second"],
        scene_start=payload["scene_start"],
        scene_end=payload["scene_end"],
        path=payload["path"],
        model=payload["model"],
        dhash=_dhash_of(payload),
        vector=vector,
    )


def found_frame(payload: Payload) -> StoredFrame | None:
    """Return the frame of a point that a search found; None where it is not a frame's.

    The latest are remembered, by all that is in them: searches find the same points again.
    """
    try:
        return _frame_of_values(*map(payload.get, OF_A_FRAME))
    except TypeError:  # what is a list in it cannot be remembered
        return _frame_if_any(payload)


@lru_cache(_REMEMBERED, typed=True)
def _frame_of_values(*values: Any) -> StoredFrame | None:
    return _frame_if_any(dict(zip(OF_A_FRAME, values, strict=True)))


def _frame_if_any(payload: Payload) -> StoredFrame | None:
    return frame_of(payload) if has_fields(payload) else None


def _dhash_of(payload: Payload) -> str:
    dhash = payload.get(DHASH)
    return dhash if isinstance(dhash, str) and _DHASH.fullmatch(dhash) else ""


def point_of(identifier: object, payload: Payload) -> Point:
    """Return a point as it lies there, whoever made it."""
    number, model = payload.get("frame_number"), payload.get("model")
    platform, code = payload.get("platform"), payload.get("video_code")
    return Point(
        id=str(identifier),
        platform=platform if isinstance(platform, str) else None,
        code=code if isinstance(code, str) else None,
        number=number if isinstance(number, int) else None,
        model=model if isinstance(model, str) else None,
        is_described=bool(_dhash_of(payload)) and payload.get(CROPPED) is not None,
    )
