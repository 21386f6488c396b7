"""The done marker, which record leaves beside a video's frames for their readers."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer
from pydantic.json_schema import SkipJsonSchema

from components.records.booking import Booking
from components.records.frame_names import point_id
from components.records.record import Document, IsoTime, Name, S3Uri
from components.records.videos import Frame, Rectangle, Video, frame_path

DONE_MARKER = "manifest.json"


class ModelBooking(Document):
    """The model and the collection that a video was booked with, and its phases' fingerprints."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    collection: str
    model: str
    dim: int
    fingerprints: dict[str, str]


class MarkedFrame(Frame):
    """A published frame: `path` is its key in the frames bucket, `uuid` its point's id.

    `dhash` is its difference hash, 64 bits in hexadecimal, empty where an earlier version wrote it.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    sketch: SkipJsonSchema[str] = Field("", exclude=True)
    width: SkipJsonSchema[int] = Field(0, exclude=True)
    height: SkipJsonSchema[int] = Field(0, exclude=True)
    path: str = ""
    uuid: str = ""
    dhash: str = ""

    @model_serializer(mode="wrap")
    def _as_before(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        content: dict[str, object] = dump(self)
        for name, usual in (("md5", ""), ("format", "png"), ("dhash", "")):
            if content.get(name) == usual:
                del content[name]
        return content


class DoneMarker(Document):
    """What became of a video: `manifest.json` in its folder of the frames bucket.

    `duration` is in seconds, `crop` in pixels as displayed, `dated` when the source was written.
    `fingerprints` go by phase, and tell a plan what is up to date. `seconds` are what the run spent
    in each phase before record, None where it reused an earlier result. `previous` is the booking
    that `oriane model switch` replaced.
    """

    platform: Name
    code: Name
    source: S3Uri
    etag: str
    duration: float | None = None
    crop: Rectangle | None = None
    frames: tuple[MarkedFrame, ...]
    duplicates_removed: int = 0
    collection: str
    model: str
    dim: int
    fingerprints: dict[str, str]
    run: str
    recorded_at: IsoTime
    previous: ModelBooking | None = None
    dated: IsoTime | None = Field(None, exclude_if=lambda dated: dated is None)
    seconds: dict[str, float | None] = Field(
        default_factory=dict, exclude_if=lambda seconds: not seconds
    )

    @property
    def is_cropped(self) -> bool:
        """Whether borders were cut off the frames."""
        return self.crop is not None

    def dhash(self, frame: Frame) -> str:
        """Return the frame's difference hash, empty where it is not known."""
        return frame.dhash if isinstance(frame, MarkedFrame) else ""

    @property
    def video(self) -> Video:
        return Video(platform=self.platform, code=self.code, source=self.source)

    def path(self, frame: Frame) -> str:
        """Return the frame's key in the frames bucket."""
        return frame_path(self.video, frame)

    def point_id(self, frame: Frame) -> str:
        """Return the frame's id in the vector store."""
        return point_id(self.platform, self.code, frame.number)

    @property
    def files(self) -> frozenset[str]:
        """The names of its frames' files, beside the marker."""
        return frozenset(frame.file for frame in self.frames)

    @property
    def point_ids(self) -> frozenset[str]:
        """The ids of its frames in the vector store."""
        return frozenset(map(self.point_id, self.frames))

    @property
    def booking(self) -> Booking:
        """The state of the video that the marker stands for."""
        return Booking(
            platform=self.platform,
            code=self.code,
            state="done",
            run=self.run,
            source=self.source,
            etag=self.etag,
            fingerprints=dict(self.fingerprints),
            frames=len(self.frames),
            updated_at=datetime.fromisoformat(self.recorded_at),
        )

    @property
    def model_booking(self) -> ModelBooking:
        """What a switch to another model replaces."""
        return ModelBooking(
            collection=self.collection,
            model=self.model,
            dim=self.dim,
            fingerprints=self.fingerprints,
        )

    def rebooked(self, booking: ModelBooking, *, keep_previous: bool) -> Self:
        """Return the marker with another booking, noting what it said before if asked to."""
        previous = self.model_booking if keep_previous else None
        return self.model_copy(update={**dict(booking), "previous": previous})

    @model_serializer(mode="wrap")
    def _without_empty_previous(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        content: dict[str, object] = dump(self)
        if content.get("previous") is None:
            content.pop("previous", None)
        return content
