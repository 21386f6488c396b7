"""Reads back what is stored of a video: frames have to open, vectors have to be theirs."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from components.base.picture_formats import PILLOW_FORMATS
from components.base.vectors import Vectors
from components.base.wording import counted
from components.errors import DamagedObjectError, NotFoundError
from components.frames_tar.digest import md5
from components.records.done_marker import DoneMarker
from components.records.videos import EmbeddedVideo, FramedVideo
from components.running.services import Services
from components.stores.checksums import Expected

# Vectors of the same picture, by the same model on another machine, differ by less than this.
_LEAST_COSINE = 0.999
_NORM_OFF = 0.01


@dataclass
class Damage:
    """What of a video is not what was written: keys of frames, points' ids, artifacts' URIs."""

    frames: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    artifacts: list[str] = field(default_factory=list)
    read_frames: int = 0
    read_points: int = 0


class Sample:
    """Up to `most` names: a random part of all, or with `after` the first ones that follow it."""

    def __init__(self, most: int, after: str | None = None) -> None:
        self._most, self._after = most, after
        self._seen = 0
        self._chance = random.Random()  # noqa: S311, no secret depends on it
        self.names: list[str] = []
        self._more = False

    @property
    def next_after(self) -> str | None:
        """Where to go on; None where all names that follow were taken, or a random part of them."""
        return self.names[-1] if self._more and self._after is not None else None

    def offer(self, name: str) -> None:
        """Take the name or not (algorithm R, Vitter 1985); names come in order."""
        if self._after is not None and name <= self._after:
            return
        self._seen += 1
        if len(self.names) < self._most:
            self.names.append(name)
            return
        self._more = True
        place = self._chance.randrange(self._seen)
        if self._after is None and place < self._most:
            self.names[place] = name


def damage(services: Services, done: DoneMarker) -> Damage:
    """Read the video's frames, points and artifacts; return what is damaged.

    What is missing is none of its business. One frame is in memory at a time.

    Raises:
        PipelineError: a store does not answer, or refuses.
    """
    found = Damage()
    _read_frames(services, done, found)
    vectors = _read_artifacts(services, done, found)
    _read_points(services, done, vectors, found)
    return found


def _read_frames(services: Services, done: DoneMarker, found: Damage) -> None:
    bucket = services.settings.storage.frames_bucket
    for frame in done.frames:
        key = done.path(frame)
        try:
            content = services.store.get(f"s3://{bucket}/{key}")
        except NotFoundError:
            continue
        found.read_frames += 1
        if not _opens(content) or (frame.md5 and md5(content) != frame.md5):
            found.frames.append(key)


def _opens(content: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(content), formats=PILLOW_FORMATS) as picture:
            picture.verify()
        with Image.open(io.BytesIO(content), formats=PILLOW_FORMATS) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return True


def _read_artifacts(services: Services, done: DoneMarker, found: Damage) -> dict[str, Vectors]:
    """Note artifacts that are damaged; return the vectors by point, if they are still there."""
    framed = services.results.behind(done, "frame", FramedVideo)
    if framed and framed.tar_sha256:
        _read_artifact(services, framed.tar, framed.tar_sha256, found)
    embedded = services.results.behind(done, "embed", EmbeddedVideo)
    if not embedded or not embedded.vectors_sha256:
        return {}
    content = _read_artifact(services, embedded.vectors, embedded.vectors_sha256, found)
    if not content:
        return {}
    rows = np.load(io.BytesIO(content), allow_pickle=False)
    return dict(zip(map(done.point_id, embedded.framed.frames), rows, strict=True))


def _read_artifact(services: Services, uri: str, sha256: str, found: Damage) -> bytes:
    try:
        return services.store.get(uri, Expected(sha256=sha256))
    except NotFoundError:
        return b""
    except DamagedObjectError:
        found.artifacts.append(uri)
        return b""


def _read_points(
    services: Services, done: DoneMarker, vectors: dict[str, Vectors], found: Damage
) -> None:
    stored = services.collection.vectors(sorted(done.point_ids))
    found.read_points += len(stored)
    for point, row in stored.items():
        vector = np.asarray(row, np.float64)
        norm = float(np.linalg.norm(vector))
        known = vectors.get(point)
        if not abs(norm - 1) <= _NORM_OFF or (
            known is not None
            and known.shape == vector.shape
            and float(vector @ known) / norm < _LEAST_COSINE
        ):
            found.points.append(point)


def texts(found: Damage) -> Iterator[tuple[str, int, str]]:
    """Yield the kind of each damage, of how many objects, and words for it."""
    if found.frames:
        frames, first = len(found.frames), found.frames[0].rpartition("/")[2]
        yield "damaged_frames", frames, f"{counted(frames, 'frame')}, {first} first"
    if found.points:
        yield "damaged_points", len(found.points), counted(len(found.points), "point")
    if found.artifacts:
        yield "damaged_artifacts", len(found.artifacts), ", ".join(found.artifacts)
