"""Embedding pictures in batches that run on across videos, so that none is half empty but the last.

A thread reads ahead, a pool makes of pictures what the model takes (`lots`), and another thread
does nothing but run the model (`turns`). While it does, the next batch is put together.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Generic, TypeVar

import numpy as np

from components.base.prefetch import Prefetched
from components.base.vectors import Vectors
from components.encoders.encoder import Computed, Encoder, ModelInput
from components.encoders.lots import Lot
from components.encoders.turns import turns
from components.errors import ConfigurationError

Of = TypeVar("Of")

# Videos whose files are fetched at a time, and lots of each that are held before their turn. A file
# may take a fifth of a second to come, however little there is in it.
_OPEN = 8
_LOTS_AHEAD = 8


@dataclass(frozen=True)
class Task(Generic[Of]):
    """A video whose pictures are to be embedded; `of` is what its caller knows it by."""

    of: Of
    count: int
    pictures: Callable[[], Iterator[Lot]]


@dataclass
class Embedded(Generic[Of]):
    """What came of a task: `seconds` are its share of the model's, `rows` a vector a picture.

    `gpu_s` are the seconds in which a GPU computed for it, of `held_s` in which there was nothing
    else to do for it: the time from one batch to the next, whoever's that was, and so with all
    waiting for pictures.
    Where `error` is set, it could not be read, or with `of_model` the model failed on it.
    """

    of: Of
    count: int
    rows: list[Vectors] = field(default_factory=list)
    seconds: float = 0.0
    gpu_s: float | None = None
    held_s: float = 0.0
    error: Exception | None = None
    of_model: bool = False
    yielded: bool = False

    @property
    def vectors(self) -> Vectors:
        """The rows as one array: (count, dim)."""
        return np.stack(self.rows)

    @property
    def over(self) -> bool:
        """Whether nothing more is to come of it."""
        return self.error is not None or len(self.rows) == self.count


@dataclass(frozen=True)
class _Preparing(Generic[Of]):
    """A lot of a video that the pool has; None where the video has no more, or none."""

    video: Embedded[Of]
    count: int = 0
    inputs: Future[Sequence[ModelInput]] | None = None


@dataclass(frozen=True)
class _Batch(Generic[Of]):
    """What the model was given at `begun_at`: for each picture the video that it is of.

    `videos` are also those of which there was nothing to give it.
    """

    videos: Sequence[Embedded[Of]]
    pictures: Sequence[Embedded[Of]]
    computing: Future[Callable[[], Computed]] | None
    begun_at: float


def embedded(
    tasks: Iterable[Task[Of]], encoder: Callable[[], Encoder], *, readers: int, ahead: int
) -> Generator[Embedded[Of]]:
    """Yield each video as soon as all its pictures are embedded, or it failed.

    Args:
        encoder: Gives the model; not called before there is a picture to embed.
        readers: Threads that read and preprocess pictures.
        ahead: Most pictures that are read before the model takes them.

    Raises:
        ConfigurationError: one that no other video would escape either.
    """
    with (
        ThreadPoolExecutor(readers) as pool,
        closing(Prefetched(_lots(tasks, encoder, pool), ahead, _weight)) as lots,
    ):
        first, before = list(islice(lots, 1)), None
        began = time.perf_counter()
        for parts in _batches(chain(first, lots), encoder):
            batch = _begin(encoder(), parts)
            if before:
                yield from _ended(before, began)
            before = batch
        if before:
            yield from _ended(before, began)


def _weight(lot: _Preparing[Of]) -> int:
    return max(1, lot.count)


def _batches(
    lots: Iterable[_Preparing[Of]], encoder: Callable[[], Encoder]
) -> Iterator[list[tuple[_Preparing[Of], slice]]]:
    """Yield lots whose pictures make up a batch, and which of them do."""
    parts: list[tuple[_Preparing[Of], slice]] = []
    room = 0
    for lot in lots:
        first, more = 0, True
        while more:
            room = room or encoder().batch_size
            taken = min(room, lot.count - first)
            parts.append((lot, slice(first, first + taken)))
            first, room = first + taken, room - taken
            more = first < lot.count
            if not room:
                yield parts
                parts = []
    if parts:
        yield parts


def _lots(
    tasks: Iterable[Task[Of]], encoder: Callable[[], Encoder], pool: ThreadPoolExecutor
) -> Iterator[_Preparing[Of]]:
    """Yield all videos' lots as the pool prepares them."""
    with closing(_opened(tasks)) as opened:
        for task, pictures in opened:
            video = Embedded(task.of, task.count)
            try:
                for lot in pictures:
                    yield _Preparing(video, lot.count, pool.submit(lot.prepare, encoder()))
            except Exception as error:
                video.error = error
            if video.error or not task.count:
                yield _Preparing(video)


def _opened(tasks: Iterable[Task[Of]]) -> Generator[tuple[Task[Of], Iterator[Lot]]]:
    """Yield tasks with their pictures, those of the next ones being fetched meanwhile.

    A GPU takes a video's pictures in less time than their file takes to come.
    """
    remaining = iter(tasks)
    window: deque[tuple[Task[Of], Prefetched[Lot]]] = deque()
    try:
        while True:
            for task in islice(remaining, _OPEN - len(window)):
                window.append((task, Prefetched(task.pictures(), _LOTS_AHEAD)))
            if not window:
                return
            task, pictures = window[0]
            yield task, pictures
            pictures.close()
            window.popleft()
    finally:
        for _, pictures in window:
            pictures.close()


def _begin(encoder: Encoder, parts: Sequence[tuple[_Preparing[Of], slice]]) -> _Batch[Of]:
    """Give the model a batch, as soon as its pictures are prepared."""
    inputs: list[ModelInput] = []
    pictures: list[Embedded[Of]] = []
    for lot, part in parts:
        if lot.inputs and not lot.video.error:
            try:
                prepared = lot.inputs.result()[part]
            except Exception as error:
                lot.video.error = error
            else:
                inputs += prepared
                pictures += [lot.video] * len(prepared)
    return _Batch(
        videos=list({id(lot.video): lot.video for lot, _ in parts}.values()),
        pictures=pictures,
        computing=turns().begin(encoder, inputs) if inputs else None,
        begun_at=time.perf_counter(),
    )


def _ended(batch: _Batch[Of], since: float) -> Iterator[Embedded[Of]]:
    """Yield the videos that end with the batch; a failure fails the videos of the batch alone.

    Args:
        since: When there was a first picture.

    Raises:
        ConfigurationError: one that no other video would escape either.
    """
    if batch.computing:
        _wait(batch, batch.computing, since)
    for video in batch.videos:
        if isinstance(video.error, ConfigurationError):
            raise video.error
        if video.over and not video.yielded:
            video.yielded = True
            yield video


def _wait(batch: _Batch[Of], computing: Future[Callable[[], Computed]], since: float) -> None:
    """Append a row to each video's rows."""
    try:
        computed = computing.result()()
    except Exception as error:
        for video in batch.pictures:
            video.error, video.of_model = error, True
        return
    before, now = turns().end()
    count = len(batch.pictures)
    for video, row in zip(batch.pictures, computed.rows, strict=True):
        video.rows.append(row)
        video.seconds += (now - max(before, batch.begun_at)) / count
        video.held_s += (now - max(before, since)) / count
        if computed.gpu_s is not None:
            video.gpu_s = (video.gpu_s or 0.0) + computed.gpu_s / count
