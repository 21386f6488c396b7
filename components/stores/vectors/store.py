"""What the project needs of a vector store, whichever it is.

A store holds a collection a model and dimension, and an alias that readers use, which stands for
one of them. Every method raises TransientError when the store does not answer, and
ConfigurationError when it refuses, or a collection was made by another program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from components.records.frame_names import point_id
from components.records.record import Record
from components.records.videos import Frame, Video
from components.stores.vectors.frame_filter import FrameFilter

if TYPE_CHECKING:
    from components.base.vectors import Vectors

Role = Literal["current", "previous", "prepared"]


class Indexed(NamedTuple):
    """What a collection was made with: the model's identity, and the length of its vectors."""

    model: str
    dim: int


class Hit(Record):
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
    """A point as it lies in the collection; what its payload lacks is None.

    `is_described` is False where it lacks what answers are folded and filtered by, as points of
    earlier versions do.
    """

    id: str
    platform: str | None
    code: str | None
    number: int | None
    model: str | None
    is_described: bool = True

    @property
    def is_frame(self) -> bool:
        """Whether it is a frame's, as its id tells; any other is not this program's."""
        if self.platform is None or self.code is None or self.number is None:
            return False
        return self.id == point_id(self.platform, self.code, self.number)


@dataclass(frozen=True)
class StoredFrame:
    """A frame as it lies in the collection; `vector` is None unless it was asked for.

    `dhash` is the difference hash of its picture, 64 bits as 16 hexadecimal digits, empty where an
    earlier version indexed it.
    """

    platform: str
    code: str
    frame_number: int
    second: float
    scene_start: float
    scene_end: float
    path: str
    model: str
    dhash: str = ""
    vector: list[float] | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A frame near a vector; `score` is the cosine similarity.

    `vector` is None unless it was asked for; `id` is its point's. Searches find hundreds and show
    some: these alone are made into a `Hit`.
    """

    frame: StoredFrame
    score: float
    vector: Sequence[float] | Vectors | None = None
    id: str = ""

    @property
    def hit(self) -> Hit:
        return Hit(**self.shown())

    def shown(self) -> dict[str, Any]:
        """Return what readers see of it, by the fields of `Hit`."""
        frame = self.frame
        return {
            "score": self.score,
            "platform": frame.platform,
            "code": frame.code,
            "second": frame.second,
            "frame_number": frame.frame_number,
            "scene_start": frame.scene_start,
            "scene_end": frame.scene_end,
            "path": frame.path,
        }


@dataclass(frozen=True)
class SampledPoint:
    """A point with its vector; `path` is its frame's key in the frames bucket."""

    id: str
    path: str
    vector: list[float]


class Member(Record):
    """A collection behind the alias; `model` and `dim` are None where it is not one of frames."""

    name: str
    role: Role
    model: str | None
    dim: int | None
    points: int
    status: str


class VideoFrames(Protocol):
    """A video with its frames, their keys in the frames bucket, their ids and hashes.

    `duration` is in seconds, `dated` when the source was written; both None where not known.
    """

    @property
    def video(self) -> Video: ...
    @property
    def frames(self) -> Sequence[Frame]: ...
    @property
    def duration(self) -> float | None: ...
    @property
    def is_cropped(self) -> bool: ...
    @property
    def dated(self) -> str | None: ...
    def dhash(self, frame: Frame) -> str: ...
    def path(self, frame: Frame) -> str: ...
    def point_id(self, frame: Frame) -> str: ...


class Collection(Protocol):
    """The frames of one model: a point a frame, a unit vector with what readers need beside it."""

    @property
    def name(self) -> str: ...

    def exists(self) -> bool:
        """Return whether there is such a collection."""
        ...

    def model(self) -> str | None:
        """Return the model whose vectors it holds, None if it is empty or missing.

        Raises:
            ConfigurationError: there are points, and none of them is a frame's.
        """
        ...

    def dim(self) -> int:
        """Return the length of its vectors."""
        ...

    def require(self) -> None:
        """Check that there is something to search.

        Raises:
            ConfigurationError: there is no such collection; says what makes one.
        """
        ...

    def ensure(self, model: str, dim: int) -> None:
        """Check that vectors of this model can be added; where nothing is, create what they need.

        Whoever dies on the way leaves something that the next call completes.

        Raises:
            ConfigurationError: it holds vectors of other dimensions or of another model.
        """
        ...

    def replace(
        self, framed: VideoFrames, vectors: Vectors, model: str, fingerprint: str = ""
    ) -> None:
        """Upsert one point a frame, then remove the video's points that are not among them.

        Args:
            vectors: (frames, dim), in the order of `framed.frames`.
            fingerprint: Of the phase that chose the frames; kept to recognise their vectors by.
        """
        ...

    def describe(self, framed: VideoFrames) -> None:
        """Write into the video's points what answers are folded and filtered by.

        Points of earlier versions lack it. Vectors are left alone, and so are points that are not
        there.
        """
        ...

    def holds(self, framed: VideoFrames, model: str | None = None, fingerprint: str = "") -> bool:
        """Return whether there is a point for every frame of the video.

        Args:
            model: If given, points of another model do not count.
            fingerprint: If given, nor do points that name another fingerprint.
        """
        ...

    def search(
        self,
        vector: Sequence[float],
        limit: int,
        platform: str | None = None,
        code: str | None = None,
    ) -> list[Hit]:
        """Return the frames nearest to the vector, best first, of one platform or video if given.

        Points that are not frames are passed over, with a warning.

        Raises:
            ConfigurationError: the vector's length does not fit.
        """
        ...

    def nearest(
        self, vector: Sequence[float], limit: int, *, where: FrameFilter, vectors: bool = False
    ) -> list[Neighbour]:
        """Return the frames nearest to the vector among those of the filter, best first.

        Like `search`, in one request, with what answers are made of.

        Raises:
            ConfigurationError: the vector's length does not fit.
        """
        ...

    def count(self) -> int:
        """Return about how many points there are; 0 without a collection."""
        ...

    def points(self, platform: str = "", code: str = "") -> Iterator[Point]:
        """Yield all points, or those of a platform or video, in order of their ids.

        They are read page by page. Points that were yielded may be removed meanwhile.
        """
        ...

    def frames(
        self, platform: str = "", code: str = "", *, vectors: bool = False
    ) -> Iterator[StoredFrame]:
        """Yield all frames, or those of a platform or video, in order of their ids.

        They are read page by page; points that are not frames are left out.
        """
        ...

    def frames_of(self, ids: Sequence[str]) -> list[StoredFrame]:
        """Return the frames of these points with their vectors, those that are there."""
        ...

    def remove(self, ids: Iterable[str]) -> None:
        """Remove points; one that is not there is not an error."""
        ...

    def sample(self, count: int, seed: int) -> list[SampledPoint]:
        """Return up to `count` points; the same ones for a seed while nothing changes."""
        ...

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """Return the vectors of those points that are there, by id: (dim,) each."""
        ...


class VectorStore(Protocol):
    """The collections of one alias; safe to share between threads. `where` names it for people."""

    where: str
    alias: str

    def close(self) -> None:
        """Close the connection, or release the folder."""
        ...

    def collection(self) -> Collection:
        """Return what the alias stands for, which need not be there yet."""
        ...

    def current(self) -> Collection | None:
        """Return the collection that the alias stands for, None before there is one.

        Raises:
            ConfigurationError: the name is a collection's own, so it cannot be moved.
        """
        ...

    def previous(self) -> Collection | None:
        """Return the collection that the alias stood for before the last switch, if any."""
        ...

    def members(self) -> Iterator[Member]:
        """Yield what is known of the collections behind the alias, by name."""
        ...

    def collections(self) -> Iterator[Collection]:
        """Yield the collections behind the alias, whatever model they are of."""
        ...

    def find(self, model: str, dim: int | None) -> Collection:
        """Return the collection of a model, of `dim` dimensions if given.

        Raises:
            ConfigurationError: there is none, or there are several.
        """
        ...

    def begin(self, model: str, dim: int) -> Collection:
        """Return the collection of a model, made without an index if it is not there."""
        ...

    def finish(self, collection: Collection) -> None:
        """Have the index built, where that was put off, and wait until it is.

        Raises:
            TransientError: the store reports that it cannot.
        """
        ...

    def switch(self, to: Collection) -> None:
        """Move the alias in one step, and remember where it was."""
        ...

    def roll_back(self, to: Collection) -> None:
        """Move the alias back in one step."""
        ...
