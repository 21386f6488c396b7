"""Fills the collection of another model from the published frames; decodes no video."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from components.base.wording import counted
from components.encoders.batching import Embedded, Task, embedded
from components.encoders.lots import Lot, of_file
from components.errors import NotFoundError, PipelineError, TransientError
from components.pipeline import chooses_frames
from components.running.services import Services
from components.stores.vectors.store import Collection
from workflows.model_swap.done_videos import DoneVideo, DoneVideos, some_at_a_time
from workflows.model_swap.reports import Prepared, PreparedVideos, Skipped

Tell = Callable[[str], None]


class _MissingFramesError(Exception):
    """A video whose frames are not all where its marker says."""


@dataclass
class _Counts:
    already: int = 0
    embedded: int = 0
    frames: int = 0
    skipped: list[Skipped] = field(default_factory=list)


def backfill(
    services: Services, *, tell: Tell, platform: str | None = None, limit: int | None = None
) -> Prepared:
    """Fill the collection of CLIP_MODEL's model with the frames of every done video.

    A video that is there already is left alone, so whatever breaks this off, the next call goes on.

    Args:
        limit: Most videos to embed.

    Raises:
        PipelineError: S3, the vector store or the model cannot be used.
    """
    store = services.vectors
    store.current()  # refuses a name that could not be switched in the end
    tell(f"loading {services.settings.embed.model}")
    encoder = services.encoder
    target = store.begin(encoder.name, encoder.dim)
    done, counts = DoneVideos(services, platform), _Counts()
    tasks = (_task(video, services) for video in islice(_lacking(done, target, counts), limit))
    readers = services.settings.upload.concurrency
    ahead = max(services.settings.embed.read_ahead, readers)
    with closing(embedded(tasks, lambda: encoder, readers=readers, ahead=ahead)) as videos:
        for video in videos:
            _settle(video, target, encoder.name, counts)
            tell(f"{counted(counts.embedded, 'video')} embedded, {counts.already} were there")
    tell(f"waiting for the index of {target.name}")
    store.finish(target)
    return Prepared(
        collection=target.name,
        model=encoder.name,
        dim=encoder.dim,
        videos=PreparedVideos(
            embedded=counts.embedded,
            already=counts.already,
            skipped=len(counts.skipped),
            unreadable=done.unreadable,
        ),
        frames=counts.frames,
        skipped=tuple(counts.skipped),
    )


def _lacking(done: DoneVideos, target: Collection, counts: _Counts) -> Iterator[DoneVideo]:
    """Yield the videos whose points are not, or not all, in the collection."""

    def look(video: DoneVideo) -> tuple[DoneVideo, bool]:
        there = target.holds(video.marker, fingerprint=_chosen_by(video))
        if there:
            # An earlier version may have written the points, without what answers filter by.
            target.describe(video.marker)
        return video, there

    for video, there in some_at_a_time(look, done):
        counts.already += there
        if not there:
            yield video


def _task(done: DoneVideo, services: Services) -> Task[DoneVideo]:
    return Task(done, len(done.marker.frames), partial(_pictures, done, services))


def _pictures(done: DoneVideo, services: Services) -> Iterator[Lot]:
    """Yield what prepares each of the video's published frames.

    Raises:
        _MissingFramesError: some are not in the bucket.
    """
    paths = [done.marker.path(frame) for frame in done.marker.frames]
    missing = [path for path in paths if path not in done.keys]
    if missing:
        raise _MissingFramesError(f"{counted(len(missing), 'frame')} missing, {missing[0]} first")
    bucket = services.settings.storage.frames_bucket
    for path in paths:
        yield of_file(partial(services.store.get, f"s3://{bucket}/{path}"))


def _settle(video: Embedded[DoneVideo], target: Collection, model: str, counts: _Counts) -> None:
    """Upsert a video that is embedded as a whole; note one that cannot be.

    Raises:
        PipelineError: the store, S3 or the model failed, not the video.
    """
    marker = video.of.marker
    if why := _unreadable(video, model):
        counts.skipped.append(Skipped(video=str(marker.video), why=why))
        return
    target.replace(marker, video.vectors, model, _chosen_by(video.of))
    counts.embedded += 1
    counts.frames += video.count


def _unreadable(video: Embedded[DoneVideo], model: str) -> str | None:
    """Return why the video's frames could not be read; None where they were."""
    error = video.error
    if error is None:
        return None
    if isinstance(error, _MissingFramesError):
        return f"{error}; type oriane verify --repair"
    if isinstance(error, PipelineError) and not isinstance(error, NotFoundError):
        raise error
    if video.of_model:
        raise TransientError(
            f"{model} failed on frames of {video.of.marker.video} ({type(error).__name__}: "
            f"{error}); lower VP_BATCH_SIZE if it lacked memory, and type the same command to go on"
        ) from error
    return f"a frame cannot be read ({error}); type oriane verify --repair"


def _chosen_by(video: DoneVideo) -> str:
    return video.marker.fingerprints.get(chooses_frames(), "")
