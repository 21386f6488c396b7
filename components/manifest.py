"""The typed records that phases hand to each other, and their JSON Lines files in S3.

A manifest holds one `Entry` a video. An entry carries either the result of the last phase that
the video passed, or the `Problem` that stopped it; later phases pass a stopped video on untouched,
so that whoever reads the last manifest knows about all of them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, ValidationError

from components.errors import ManifestError, NotFoundError

if TYPE_CHECKING:
    from components.storage import Store


class Record(BaseModel):
    """Base of every record: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _s3_uri(uri: str) -> str:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise ValueError(f"expected s3://bucket/key, found {uri!r}")
    return uri


def _name(value: str) -> str:
    """Refuse names that could leave their folder, in S3 or on disk."""
    if not value or len(value.encode()) > 255:
        raise ValueError(f"expected 1 to 255 bytes, found {value!r}")
    if "/" in value or "\\" in value or ".." in value or value == ".":
        raise ValueError(f"must not contain '/', '\\' or '..', found {value!r}")
    if any(not character.isprintable() for character in value):
        raise ValueError(f"must not contain control characters, found {value!r}")
    return value


# Objects beside a video's frames that book it: done, or rejected.
DONE_MARKER, REJECTED_MARKER = "manifest.json", "rejected.json"
MARKERS = frozenset({DONE_MARKER, REJECTED_MARKER})
_FRAME_FILE = re.compile(r"[0-9]+_[0-9]+\.[0-9]{2}\.png")

RunName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,200}$")]
S3Uri = Annotated[str, AfterValidator(_s3_uri)]
Name = Annotated[str, AfterValidator(_name)]


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


class SourceVideo(Record):
    """What the probe found. `width` and `height` are as displayed, `duration` in seconds.

    `start` is the time that players call zero, in seconds of the file's own clock.
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


class CroppedVideo(Record):
    """The video with its border, if any; `reencoded` is the cropped video, where wanted."""

    source: SourceVideo
    rectangle: Rectangle | None
    reencoded: S3Uri | None = None


def frame_file(number: int, second: float) -> str:
    """Return the name of a frame's PNG."""
    return f"{number}_{second:.2f}.png"


def is_frame_file(name: str) -> bool:
    """Tell whether a file's name is one that `frame_file` gives."""
    return _FRAME_FILE.fullmatch(name) is not None


def point_id(platform: str, code: str, number: int) -> str:
    """Return a frame's id in Qdrant: a UUID from SHA-1 (RFC 9562, version 5)."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{platform}/{code}/{number}"))


# Width and height of `Frame.sketch`.
SKETCH_SIZE = (9, 8)


class Frame(Record):
    """A picture of the video: `number` counts its frames from 0 in order of presentation.

    `second`, `scene_start` and `scene_end` are presentation times in seconds from the start.
    `sketch` is the picture in grey and 9 × 8 pixels, base64: all that a dHash of 64 bits looks at.
    """

    number: int
    second: float
    scene_start: float
    scene_end: float
    sketch: str = ""

    @property
    def file(self) -> str:
        return frame_file(self.number, self.second)


def frame_path(video: Video, frame: Frame) -> str:
    """Return the frame's key in the frames bucket."""
    return f"{video.platform}/{video.code}/{frame.file}"


class FramedVideo(Record):
    """The frames that represent the video, as PNGs in a tar named by `Frame.file`.

    `rectangle` is the crop that was applied; `duplicates_removed` counts frames that the tar
    holds and `frames` no longer lists.
    """

    cropped: CroppedVideo
    rectangle: Rectangle | None
    frames: tuple[Frame, ...]
    tar: S3Uri
    tar_bytes: int = 0
    duplicates_removed: int = 0

    @property
    def video(self) -> Video:
        return self.cropped.source.video

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


class Step(Record):
    """One phase that the video passed. `seconds` is 0 where an earlier result was reused."""

    phase: str
    fingerprint: str
    seconds: float
    reused: bool


# The reason of a failure that nobody foresaw: a fault of this program, or of a package it uses.
INTERNAL_ERROR = "internal_error"


class Problem(Record):
    """Why a video stopped: rejected (the video is bad) or failed (the world was)."""

    kind: Literal["rejected", "failed"]
    phase: str
    reason: str
    message: str

    @property
    def fault(self) -> tuple[str, str] | None:
        """The phase and the kind of error, by which two internal errors are the same one."""
        if self.reason != INTERNAL_ERROR:
            return None
        return self.phase, self.message.partition(":")[0]


Result = TypeVar("Result", bound=Record)


class Entry(Record, Generic[Result]):
    """One video on its way: its result so far, or the problem that stopped it.

    `etag` is the source's, once it is known.
    """

    video: Video
    etag: str = ""
    steps: tuple[Step, ...] = ()
    result: Result | None = None
    problem: Problem | None = None

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the last phase passed, or the empty string before the first."""
        return self.steps[-1].fingerprint if self.steps else ""

    @property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprints of the phases passed, by phase."""
        return {step.phase: step.fingerprint for step in self.steps}

    @property
    def seconds_worked(self) -> dict[str, float]:
        """The seconds spent in each phase that did not reuse an earlier result."""
        return {step.phase: step.seconds for step in self.steps if not step.reused}

    def advanced(self, result: Record, step: Step) -> Entry[Any]:
        """Return the entry after it passed a phase."""
        return Entry[Any](
            video=self.video, etag=self.etag, steps=(*self.steps, step), result=result
        )

    def stopped(self, problem: Problem) -> Entry[Any]:
        """Return the entry after a problem stopped it."""
        return Entry[Any](video=self.video, etag=self.etag, steps=self.steps, problem=problem)


class Manifest(RootModel[S3Uri], Generic[Result]):
    """The address of a manifest, typed by the result its entries carry.

    The type is checked where the DAG is wired and where the manifest is read.
    """

    model_config = ConfigDict(frozen=True)
    _known: tuple[Entry[Result], ...] | None = None

    @property
    def uri(self) -> str:
        return self.root

    @classmethod
    def of(cls) -> type[Record]:
        """Return the record that the entries carry."""
        (record,) = cls.__pydantic_generic_metadata__["args"]
        return record  # type: ignore[no-any-return]

    def sibling(self, phase: str) -> str:
        """Return the address of the manifest that `phase` writes for the same shard."""
        return f"{self.uri.rpartition('/')[0]}/{phase}.jsonl"

    def read(self, store: Store) -> list[Entry[Result]]:
        """Return the entries, in order.

        Raises:
            ManifestError: the object is missing, or a line is not an entry of this type.
        """
        if self._known is not None:
            return list(self._known)
        try:
            lines = store.get(self.uri).splitlines()
        except NotFoundError as error:
            raise ManifestError(
                f"{self.uri}: no such manifest; check that the phase before it ran"
            ) from error
        entry: Any = Entry.__class_getitem__(self.of())
        entries: list[Entry[Result]] = []
        for number, line in enumerate(lines, start=1):
            try:
                entries.append(entry.model_validate_json(line))
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"]) or "line"
                raise ManifestError(
                    f"{self.uri} line {number}: expected an entry of {self.of().__name__}, found "
                    f"{where}: {first['msg']}; run the phase before it again"
                ) from error
        return entries

    @classmethod
    def write(cls, store: Store, uri: str, entries: Iterable[Entry[Result]]) -> Self:
        """Write the entries to `uri`, whole or not at all, and return the manifest."""
        lines = "".join(entry.model_dump_json() + "\n" for entry in entries)
        store.put(uri, lines.encode(), content_type="application/jsonl")
        return cls(uri)

    def holding(self, entries: Iterable[Entry[Result]]) -> Self:
        """Return the manifest with the entries that were written, for readers in this process."""
        manifest = self.model_copy()
        manifest._known = tuple(entries)
        return manifest
