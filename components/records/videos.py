"""A video on its way through the phases: a record a phase, each of which holds the one before."""

from __future__ import annotations

from typing import Literal

from components.base.picture_formats import Format
from components.records.frame_names import frame_file, point_id
from components.records.record import IsoTime, Name, Record, S3Uri
from components.records.sketch import dhash


class Video(Record):
    """One video of the source bucket."""

    platform: Name
    code: Name
    source: S3Uri

    def __str__(self) -> str:
        return f"{self.platform}/{self.code}"


class Rectangle(Record):
    """A part of the picture, in pixels as displayed (rotation applied), origin top left."""

    x: int
    y: int
    width: int
    height: int


class Shift(Record):
    """By how much the clock is off from a packet of the stream on, in units of the stream."""

    packet: int
    by: int


class SourceVideo(Record):
    """What the probe found. `width` and `height` are as displayed, `duration` in seconds.

    `start` is the time that players call zero, in seconds of the file's own clock, to which
    `shifts` are added. `stream` is the number of the stream among all of the file (None: the first
    of video), `chosen` why it is that one. A picture is displayed mirrored, where it is, left to
    right, then turned by `rotation` degrees anticlockwise, its pixels `pixel_aspect` times as wide
    as high. `packets` counts the stream's frames as they are stored. `modified` is when the object
    was written, None in what earlier versions found.
    """

    video: Video
    etag: str
    bytes: int
    container: str
    codec: str
    width: int
    height: int
    rotation: int
    start: float
    duration: float
    mirrored: bool = False
    pixel_aspect: float = 1.0
    stream: int | None = None
    chosen: str = ""
    shifts: tuple[Shift, ...] = ()
    packets: int | None = None
    modified: IsoTime | None = None


class CroppedVideo(Record):
    """The video with its border, if any; `reencoded` is the cropped video, where wanted.

    Digests of files are SHA-256 in hexadecimal, empty in what earlier versions wrote.
    """

    source: SourceVideo
    rectangle: Rectangle | None
    reencoded: S3Uri | None = None
    reencoded_sha256: str = ""


# Width and height of `Frame.sketch`.
SKETCH_SIZE = (9, 8)


class Frame(Record):
    """A picture of the video: `number` counts its frames from 0 in order of presentation.

    `second`, `scene_start` and `scene_end` are presentation times in seconds from the start.
    `sketch` is the picture in grey and 9 × 8 pixels, base64: all that a dHash of 64 bits looks at.
    `width` and `height` are those of the picture in pixels, `md5` is its file's in hexadecimal; 0
    and empty where an earlier version wrote it. `format` is that of the file.
    """

    number: int
    second: float
    scene_start: float
    scene_end: float
    sketch: str = ""
    width: int = 0
    height: int = 0
    md5: str = ""
    format: Format = "png"

    @property
    def file(self) -> str:
        return frame_file(self.number, self.second, self.format)


def frame_path(video: Video, frame: Frame) -> str:
    """Return the frame's key in the frames bucket."""
    return f"{video.platform}/{video.code}/{frame.file}"


class Duplicate(Record):
    """A frame that was dropped because it looks like another; `of` is the number of that one."""

    number: int
    second: float
    of: int


# Why every frame of a video was decoded although the settings have some left out: the detector
# looks at all, or a GPU decodes; its codec or container does not allow it, its clock was mended, or
# its packets do not say when frames are shown; it is interlaced, changes its size, has frames that
# come otherwise than foretold, or is damaged; cuts may lie nearly everywhere, or too few are left.
WhyAll = Literal[
    "detector",
    "gpu",
    "codec",
    "container",
    "mended",
    "times",
    "interlaced",
    "sizes",
    "order",
    "damaged",
    "doubts",
    "few",
]


class FramedVideo(Record):
    """The frames that represent the video, as files in a tar named by `Frame.file`.

    `rectangle` is the crop that was applied; `duplicates` are those that the tar holds and `frames`
    no longer lists (version 0.1.0 only counted them, in `duplicates_removed`); `lost_packets` those
    that could not be decoded; `decoded_all` why no frame was left out, where the settings asked for
    that. The tar itself may be gone once its pictures are published (see
    `components.running.stored_frames`).
    """

    cropped: CroppedVideo
    rectangle: Rectangle | None
    frames: tuple[Frame, ...]
    tar: S3Uri
    tar_bytes: int = 0
    tar_sha256: str = ""
    duplicates: tuple[Duplicate, ...] = ()
    duplicates_removed: int = 0
    lost_packets: int = 0
    decoded_all: WhyAll | None = None

    @property
    def video(self) -> Video:
        return self.cropped.source.video

    @property
    def duration(self) -> float | None:
        """Seconds of the source."""
        return self.cropped.source.duration

    @property
    def is_cropped(self) -> bool:
        """Whether borders were cut off the frames."""
        return self.rectangle is not None

    @property
    def dated(self) -> str | None:
        """When the source was written, ISO 8601."""
        return self.cropped.source.modified

    def dhash(self, frame: Frame) -> str:
        """Return the frame's difference hash, empty where it has no sketch."""
        return dhash(frame.sketch)

    def path(self, frame: Frame) -> str:
        """Return the frame's key in the frames bucket."""
        return frame_path(self.video, frame)

    def point_id(self, frame: Frame) -> str:
        """Return the frame's id in Qdrant."""
        return point_id(self.video.platform, self.video.code, frame.number)


class PublishedVideo(Record):
    """The video whose frames lie in the frames bucket under `FramedVideo.path`."""

    framed: FramedVideo
    bucket: str


class EmbeddedVideo(Record):
    """The frames' vectors: a .npy of shape (frames, dim), float32, L2-normalized rows."""

    framed: FramedVideo
    vectors: S3Uri
    vectors_sha256: str = ""
    model: str
    dim: int


class IndexedVideo(Record):
    """The video whose points, one a frame, lie in the collection."""

    framed: FramedVideo
    collection: str
    model: str
    dim: int


class RecordedVideo(Record):
    """The finished video; `marker` is its done marker."""

    indexed: IndexedVideo
    marker: S3Uri
