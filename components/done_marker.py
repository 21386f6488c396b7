"""The done marker that record leaves beside a video's frames, as others read it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from components.manifest import Frame, Name, S3Uri, Video, frame_path, point_id


class _Marked(BaseModel):
    """Base of what a marker holds; fields of other versions are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ModelBooking(_Marked):
    """The model and the collection that a video was booked with, and its phases' fingerprints."""

    collection: str
    model: str
    dim: int
    fingerprints: dict[str, str]


class _MarkedFrame(Frame):
    model_config = ConfigDict(frozen=True, extra="ignore")


class DoneMarker(ModelBooking):
    """A finished video. `previous` is the booking that `oriane model switch` replaced."""

    platform: Name
    code: Name
    source: S3Uri
    frames: tuple[_MarkedFrame, ...]
    previous: ModelBooking | None = None

    @property
    def video(self) -> Video:
        return Video(platform=self.platform, code=self.code, source=self.source)

    def path(self, frame: Frame) -> str:
        """Return the frame's key in the frames bucket."""
        return frame_path(self.video, frame)

    def point_id(self, frame: Frame) -> str:
        """Return the frame's id in Qdrant."""
        return point_id(self.platform, self.code, frame.number)
