"""Embedding pictures in batches that run on across videos, so that none is half empty but the last.

A thread reads ahead, a pool reads, decodes and preprocesses the pictures, and another thread does
nothing but run the model.
"""

from __future__ import annotations

import io
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Generic, TypeVar

import numpy as np
from PIL import Image

from components.base.prefetch import Prefetched
from components.base.profiling import span
from components.base.vectors import Vectors
from components.encoders.encoder import Encoder, ModelInput
from components.encoders.scaling import Pixels, of_fair_shape
from components.errors import ConfigurationError
from components.records.frame_names import PILLOW_FORMATS

Of = TypeVar("Of")

# Videos whose files are fetched at a time, and pictures of each that are held before their turn.
_OPEN = 4
_PICTURES_AHEAD = 8

# Makes of a picture what the model takes; called in the pool.
Prepare = Callable[[Encoder], ModelInput]


# All who embed in this process share one model; side by side they would only be slower. One thread
# runs it for all of them, since the allocator keeps what it freed for each thread that ever did.
@cache
def _model_thread(process: int) -> ThreadPoolExecutor:
    """Return the thread of this process; a forked one has none of its parent's."""
    return ThreadPoolExecutor(1, f"model of {process}")


def of_file(read: Callable[[], bytes]) -> Prepare:
    """Return what prepares the picture whose file `read` gives."""

    def prepare(encoder: Encoder) -> ModelInput:
        with Image.open(io.BytesIO(read()), formats=PILLOW_FORMATS) as picture:
            return encoder.preprocess(of_fair_shape(picture).convert("RGB"))

    return prepare


def of_pixels(pixels: Pixels) -> Prepare:
    """Return what prepares the picture that the encoder's scaling made `pixels` of."""
    return lambda encoder: encoder.of_pixels(pixels)


@dataclass(frozen=True)
class Task(Generic[Of]):
    """A video whose pictures are to be embedded; `of` is what its caller knows it by."""

    of: Of
    count: int
    pictures: Callable[[], Iterator[Prepare]]


@dataclass
class Embedded(Generic[Of]):
    """What came of a task: `seconds` are its share of the model's, `rows` a vector a picture.

    `gpu_s` are the seconds in which a GPU computed for it, of `held_s` in which there was nothing
    else to do for it: the time from one batch to the next, and so with all waiting for pictures.
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


_Frame = tuple[Embedded[Of], Future[ModelInput] | None]


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
        closing(Prefetched(_frames(tasks, encoder, pool), ahead)) as frames,
    ):
        ended = 0.0
        for first in frames:
            model = encoder()
            ended = ended or time.perf_counter()
            batch = [first, *islice(frames, model.batch_size - 1)]
            ended = _embed(model, batch, ended)
            for video in {id(video): video for video, _ in batch}.values():
                if isinstance(video.error, ConfigurationError):
                    raise video.error
                if video.over and not video.yielded:
                    video.yielded = True
                    yield video


def _frames(
    tasks: Iterable[Task[Of]], encoder: Callable[[], Encoder], pool: ThreadPoolExecutor
) -> Iterator[_Frame[Of]]:
    """Yield every picture as the pool preprocesses it; None where a video has no more, or none."""
    with closing(_opened(tasks)) as opened:
        for task, pictures in opened:
            video = Embedded(task.of, task.count)
            try:
                for prepare in pictures:
                    yield video, pool.submit(prepare, encoder())
            except Exception as error:
                video.error = error
            if video.error or not task.count:
                yield video, None


def _opened(tasks: Iterable[Task[Of]]) -> Generator[tuple[Task[Of], Iterator[Prepare]]]:
    """Yield tasks with their pictures, those of the next ones being fetched meanwhile.

    A GPU takes a video's pictures in less time than their file takes to come.
    """
    remaining = iter(tasks)
    window: deque[tuple[Task[Of], Prefetched[Prepare]]] = deque()
    try:
        while True:
            for task in islice(remaining, _OPEN - len(window)):
                window.append((task, Prefetched(task.pictures(), _PICTURES_AHEAD)))
            if not window:
                return
            task, pictures = window[0]
            yield task, pictures
            pictures.close()
            window.popleft()
    finally:
        for _, pictures in window:
            pictures.close()


def _embed(encoder: Encoder, batch: list[_Frame[Of]], since: float) -> float:
    """Append a row to each video's rows; a failure fails the videos of the batch alone.

    Args:
        since: When the batch before ended.

    Returns:
        When this one did.
    """
    pictures: list[tuple[Embedded[Of], ModelInput]] = []
    for video, frame in batch:
        if frame is not None and not video.error:
            try:
                pictures.append((video, frame.result()))
            except Exception as error:
                video.error = error
    if not pictures:
        return since
    start, computed_s = time.perf_counter(), encoder.gpu_s
    try:
        inputs = [picture for _, picture in pictures]
        rows = _model_thread(os.getpid()).submit(_forward, encoder, inputs).result()
    except Exception as error:
        for video, _ in pictures:
            video.error, video.of_model = error, True
        return time.perf_counter()
    ended, count = time.perf_counter(), len(pictures)
    for (video, _), row in zip(pictures, rows, strict=True):
        video.rows.append(row)
        video.seconds += (ended - start) / count
        video.held_s += (ended - since) / count
        if computed_s is not None and encoder.gpu_s is not None:
            video.gpu_s = (video.gpu_s or 0.0) + (encoder.gpu_s - computed_s) / count
    return ended


def _forward(encoder: Encoder, pictures: list[ModelInput]) -> Vectors:
    with span("forward", frames=str(len(pictures))):
        return encoder.embed(pictures)
