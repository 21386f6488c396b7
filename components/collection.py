"""The collection of frames in Qdrant: on a server, or embedded in a folder on one machine."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from components.encoders.encoder import Vectors
from components.errors import ConfigurationError, PipelineError, TransientError
from components.manifest import FramedVideo, Video, point_id
from components.settings import IndexSettings

P = ParamSpec("P")
T = TypeVar("T")

_INDEXED_FIELDS = ("video_code", "platform", "model")
_LONGEST_WAIT_S = 20.0
_PAGE = 1000


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


class FrameCollection:
    """One point a frame: a unit vector, and the payload that `docs/architecture.md` lists.

    Methods raise TransientError when Qdrant does not answer after the attempts that the settings
    allow, and ConfigurationError when it refuses the key or the collection does not fit.
    """

    def __init__(self, client: QdrantClient, settings: IndexSettings) -> None:
        self._client, self._settings = client, settings
        self._where, self._name = settings.url, settings.collection
        # The embedded Qdrant is not made for several threads.
        self._lock = threading.RLock()
        self._ready_for: tuple[str, int] | None = None

    @classmethod
    def open(cls, settings: IndexSettings) -> Self:
        """Connect to the server at QDRANT_URL, or open the embedded Qdrant in that folder.

        Raises:
            ConfigurationError: QDRANT_URL is not set.
            TransientError: another process uses the embedded Qdrant.
        """
        if not settings.url:
            raise ConfigurationError(
                "QDRANT_URL is not set; set it to the server's address, or to a folder for an "
                "embedded Qdrant"
            )
        if not settings.url.startswith(("http://", "https://")):
            return cls(_embedded(Path(settings.url)), settings)
        key = settings.key.get_secret_value() if settings.key else None
        with warnings.catch_warnings():
            # A key over plain HTTP is the operator's choice inside a cluster.
            warnings.filterwarnings("ignore", message="Api key is used with an insecure")
            client = QdrantClient(
                url=settings.url, api_key=key, timeout=settings.timeout_s, check_compatibility=False
            )
        return cls(client, settings)

    def close(self) -> None:
        """Close the connection, or release the folder."""
        self._client.close()

    def prepare(self, model: str, dim: int) -> None:
        """Create the collection for vectors of this model, or check that it holds such.

        Raises:
            ConfigurationError: it holds vectors of other dimensions or of another model.
        """
        with self._lock:
            if self._ready_for == (model, dim):
                return
            if not self._exists():
                self._create(dim)
            self._check_dim(model, dim)
            self._check_model(model)
            self._ready_for = (model, dim)

    def require(self) -> None:
        """Check that there is something to search.

        Raises:
            ConfigurationError: the collection does not exist.
        """
        if not self._exists():
            raise ConfigurationError(
                f"{self._where} has no collection {self._name!r}; index videos first (oriane run), "
                "or set QDRANT_URL, VP_DATA_DIR or QDRANT_COLLECTION to where they are"
            )

    def model(self) -> str | None:
        """Return the model whose vectors the collection holds, None if it is empty or missing."""
        if not self._exists():
            return None
        return self._any_model(None)

    def replace(self, framed: FramedVideo, vectors: Vectors, model: str) -> None:
        """Upsert one point a frame, then remove the video's points that are not among them.

        Args:
            vectors: (frames, dim), in the order of `framed.frames`.
        """
        ids = [framed.point_id(frame) for frame in framed.frames]
        for points in _batches(_points(framed, vectors, model), self._settings.upsert_batch):
            batch = models.Batch(
                ids=[point.id for point in points],
                vectors=[point.vector for point in points],
                payloads=[point.payload or {} for point in points],
            )
            self._call(self._client.upsert, self._name, batch, wait=True)
        stale = models.Filter(
            must=_of_video(framed.video),
            must_not=[models.HasIdCondition(has_id=list(ids))],
        )
        selector = models.FilterSelector(filter=stale)
        self._call(self._client.delete, self._name, selector, wait=True)

    def holds(self, framed: FramedVideo) -> bool:
        """Tell whether there is a point for every frame of the video."""
        if not self._exists():
            return False
        ids = [framed.point_id(frame) for frame in framed.frames]
        found = self._call(self._client.retrieve, self._name, ids, with_payload=False)
        return len(found) == len(set(ids))

    def search(
        self, vector: Sequence[float], limit: int, platform: str | None, code: str | None
    ) -> list[Hit]:
        """Return the frames nearest to the vector, best first, of one platform or video if given.

        Raises:
            ConfigurationError: the vector's length does not fit.
        """
        conditions = {"platform": platform, "video_code": code}
        wanted = [_equals(key, value) for key, value in conditions.items() if value is not None]
        answer = self._call(
            self._client.query_points,
            self._name,
            query=list(vector),
            query_filter=models.Filter(must=list(wanted)) if wanted else None,
            limit=limit,
        )
        return [_hit(point) for point in answer.points]

    def exists(self) -> bool:
        """Tell whether there is a collection."""
        return self._exists()

    def dim(self) -> int:
        """Return the length of the collection's vectors.

        Raises:
            ConfigurationError: it has vectors of several kinds, so this program did not make it.
        """
        info = self._call(self._client.get_collection, self._name)
        params = info.config.params.vectors
        if not isinstance(params, models.VectorParams):
            raise ConfigurationError(
                f"collection {self._name!r} at {self._where} was not made by this program: it has "
                "named vectors; set QDRANT_COLLECTION to another name"
            )
        return params.size

    def points(self, platform: str = "", code: str = "") -> Iterator[Point]:
        """Yield all points, or those of a platform or video, in order of their ids.

        They are read page by page. Points that were yielded may be removed meanwhile.
        """
        if not self._exists():
            return
        given = {"platform": platform, "video_code": code}
        wanted = [_equals(key, value) for key, value in given.items() if value]
        offset: Any = None
        while True:
            page, offset = self._call(
                self._client.scroll,
                self._name,
                scroll_filter=models.Filter(must=list(wanted)) if wanted else None,
                limit=_PAGE,
                offset=offset,
                with_payload=["platform", "video_code", "frame_number", "model"],
            )
            yield from map(_point, page)
            if offset is None:
                return

    def remove(self, ids: Iterable[str]) -> None:
        """Remove points; one that is not there is no error."""
        for batch in _batches(ids, _PAGE):
            selector = models.PointIdsList(points=list(batch))
            self._call(self._client.delete, self._name, selector, wait=True)

    def _create(self, dim: int) -> None:
        vectors = models.VectorParams(size=dim, distance=models.Distance.COSINE)
        try:
            self._call(self._client.create_collection, self._name, vectors_config=vectors)
        except _AlreadyThereError:
            return  # by another process, a moment ago
        keyword = models.PayloadSchemaType.KEYWORD
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Payload indexes have no effect")
            for field in _INDEXED_FIELDS:
                self._call(self._client.create_payload_index, self._name, field, keyword)

    def _exists(self) -> bool:
        return self._call(self._client.collection_exists, self._name)

    def _check_dim(self, model: str, dim: int) -> None:
        info = self._call(self._client.get_collection, self._name)
        params = info.config.params.vectors
        found = params.size if isinstance(params, models.VectorParams) else None
        if found != dim:
            raise ConfigurationError(
                f"collection {self._name!r} holds vectors of {found or 'several'} dimensions, but "
                f"{model} gives {dim}; set QDRANT_COLLECTION to another name, or CLIP_MODEL and "
                "QDRANT_DIM to what the collection was made with"
            )

    def _check_model(self, model: str) -> None:
        found = self._any_model(model)
        if found is not None:
            raise ConfigurationError(
                f"collection {self._name!r} holds vectors of {found}, which cannot be mixed with "
                f"those of {model}; set QDRANT_COLLECTION to another name, or CLIP_MODEL to the "
                "model the collection was made with"
            )

    def _any_model(self, other_than: str | None) -> str | None:
        """Return the model of some point, other than this one; None if there is no such point."""
        unwanted = [_equals("model", other_than)] if other_than else []
        points, _ = self._call(
            self._client.scroll,
            self._name,
            scroll_filter=models.Filter(must_not=list(unwanted)),
            limit=1,
            with_payload=["model"],
        )
        if not points:
            return None
        return str((points[0].payload or {}).get("model", "an unknown model"))

    def _call(self, request: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        retrying = Retrying(
            retry=retry_if_exception(_is_transient),
            stop=stop_after_attempt(self._settings.attempts),
            wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_WAIT_S),
        )
        with self._lock:
            try:
                return retrying(request, *args, **kwargs)
            except RetryError as error:
                raise self._explain(error.last_attempt.exception()) from error
            except UnexpectedResponse as error:
                raise self._explain(error) from error

    def _explain(self, error: BaseException | None) -> PipelineError:
        if isinstance(error, UnexpectedResponse):
            status, reason = error.status_code, error.reason_phrase
            if status in (401, 403):
                return ConfigurationError(
                    f"{self._where} refused the key ({status}); check QDRANT_KEY"
                )
            if status == 409:
                return _AlreadyThereError(f"collection {self._name!r} is there already")
            if status is not None and status < 500 and status != 429:
                return ConfigurationError(
                    f"{self._where} answered {status} {reason} for collection {self._name!r}; "
                    "check QDRANT_URL and QDRANT_COLLECTION"
                )
            return TransientError(f"{self._where} answered {status} {reason}; try again")
        return TransientError(
            f"Qdrant at {self._where} cannot be reached; check QDRANT_URL and the server, "
            "then try again"
        )


class _AlreadyThereError(PipelineError):
    """Another process created the collection first."""


def _embedded(folder: Path) -> QdrantClient:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return QdrantClient(path=str(folder), force_disable_check_same_thread=True)
    except RuntimeError as error:
        raise TransientError(
            f"{folder} is in use by another process; wait for it to end, or set QDRANT_URL to a "
            "server that several can use"
        ) from error


def _points(framed: FramedVideo, vectors: Vectors, model: str) -> Iterator[models.PointStruct]:
    created_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    for frame, vector in zip(framed.frames, vectors, strict=True):
        identifier = framed.point_id(frame)
        yield models.PointStruct(
            id=identifier,
            vector=vector.tolist(),
            payload={
                "uuid": identifier,
                "platform": framed.video.platform,
                "video_code": framed.video.code,
                "frame_number": frame.number,
                "frame_second": frame.second,
                "path": framed.path(frame),
                "created_at": created_at,
                "model": model,
                "scene_start": frame.scene_start,
                "scene_end": frame.scene_end,
            },
        )


def _batches(points: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(points)
    while batch := list(islice(iterator, size)):
        yield batch


def _equals(key: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _of_video(video: Video) -> list[models.Condition]:
    return [_equals("platform", video.platform), _equals("video_code", video.code)]


def _point(record: models.Record) -> Point:
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


def _hit(point: models.ScoredPoint) -> Hit:
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


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, UnexpectedResponse):
        return error.status_code is None or error.status_code >= 500 or error.status_code == 429
    return isinstance(error, ResponseHandlingException)
