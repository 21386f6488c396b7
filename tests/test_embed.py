"""Embedding: batches run on across videos, no frame is lost, one bad video fails alone."""

from __future__ import annotations

import io
import tarfile
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import cast

import numpy as np
import pytest
from PIL import Image

from components.base.vectors import Vectors
from components.encoders.batching import Task, embedded
from components.encoders.encoder import Computed, Encoder, ModelInput
from components.encoders.load import load_encoder
from components.encoders.lots import Lot
from components.encoders.scaling import Pixels
from components.errors import ConfigurationError
from components.pipeline import chooses_frames
from components.records.videos import EmbeddedVideo, FramedVideo
from components.running.services import Services
from tests.clips import numbered_video
from tests.conftest import Corpus
from tests.phases import through

BEFORE = through(chooses_frames())
SECONDS_A_BATCH = 0.25


class Recording:
    """An encoder that notes the size of each batch."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.dim = encoder.name, encoder.dim
        self.batch_size = encoder.batch_size
        self.scaling = encoder.scaling
        self.gpu_s: float | None = None
        self.batches: list[int] = []

    def preprocess(self, image: Image.Image) -> ModelInput:
        return self._encoder.preprocess(image)

    def of_pixels(self, pixels: Pixels) -> ModelInput:
        return self._encoder.of_pixels(pixels)

    def begin(self, pictures: Sequence[ModelInput]) -> Callable[[], Computed]:
        self.batches.append(len(pictures))
        computed = self._encoder.begin(pictures)()
        return lambda: Computed(computed.rows, self.gpu_s)

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        return self._encoder.embed_images(images)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return self._encoder.embed_texts(texts)


@pytest.fixture
def encoder(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """The settings' encoder, watched; what loads one gets this."""
    recording = Recording(load_encoder(corpus.services.settings.embed))
    monkeypatch.setattr("components.encoders.load.load_encoder", lambda _: recording)
    return recording


@pytest.fixture
def three_videos(tmp_path: Path, corpus: Corpus) -> Corpus:
    services = corpus.services
    services.settings = services.settings.having("frame", sample_fps=1.0)
    services.settings = services.settings.having("dedup", enabled=False)
    for name, length in (("a", 25), ("b", 15), ("c", 20)):
        seconds = [number / 5 for number in range(length)]
        corpus.add(numbered_video(tmp_path / f"{name}.mp4", seconds, 160, 90))
    return corpus


def vectors(corpus: Corpus, video: EmbeddedVideo) -> Vectors:
    content = corpus.services.store.get(video.vectors)
    loaded: Vectors = np.load(io.BytesIO(content), allow_pickle=False)
    return loaded


def test_batches_run_on_across_videos(three_videos: Corpus, encoder: Recording) -> None:
    entries = three_videos.through(*BEFORE, "embed")
    counts = []
    for entry in entries:
        assert isinstance(entry.result, EmbeddedVideo)
        rows = vectors(three_videos, entry.result)
        assert rows.shape == (len(entry.result.framed.frames), encoder.dim)
        assert rows.dtype == np.float32
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)
        counts.append(len(rows))
        assert entry.steps[-1].seconds > 0
        assert entry.steps[-1].gpu is None
    total, size = sum(counts), three_videos.services.settings.embed.batch_size
    assert sorted(encoder.batches) == sorted(
        [size] * (total // size) + [total % size] * (total % size > 0)
    )


def test_what_a_gpu_did_is_told(three_videos: Corpus, encoder: Recording) -> None:
    encoder.gpu_s = SECONDS_A_BATCH
    told = [entry.steps[-1].gpu for entry in three_videos.through(*BEFORE, "embed")]
    busy_s = sum(gpu.busy_s for gpu in told if gpu)
    assert busy_s == pytest.approx(SECONDS_A_BATCH * len(encoder.batches), abs=0.01)
    assert all(gpu and gpu.held_s > 0 for gpu in told)


def test_the_model_goes_with_the_services(corpus: Corpus, tmp_path: Path) -> None:
    """Not with the next collection of everything: Python knows nothing of how large it is."""
    corpus.add(numbered_video(tmp_path / "a.mp4", [number / 5 for number in range(10)], 160, 90))
    corpus.through(*BEFORE, "embed")
    model = weakref.ref(corpus.services.encoder)
    corpus.services.close()
    assert model() is None


class Numbering:
    """An encoder on what might be a GPU: a batch is over once the next one, if any, has begun."""

    name, dim, batch_size, scaling = "numbering", 1, 2, None

    def __init__(self, batches: int) -> None:
        self._begun = [Event() for _ in range(batches)]
        self._next = 0

    def begin(self, pictures: Sequence[ModelInput]) -> Callable[[], Computed]:
        number, self._next = self._next, self._next + 1
        self._begun[number].set()

        def finished() -> Computed:
            for after in self._begun[number + 1 : number + 2]:
                assert after.wait(60), "the next batch was not begun"
            return Computed(np.array([[picture] for picture in pictures], np.float32), 0.0)

        return finished


def numbered(videos: int, pictures: int) -> list[Task[int]]:
    """Return videos whose pictures are numbered on, in lots of three."""

    def lots(first: int) -> Iterator[Lot]:
        for start in range(first, first + pictures, 3):
            some = list(range(start, min(start + 3, first + pictures)))
            yield Lot(len(some), lambda _, some=some: some)

    return [Task(number, pictures, partial(lots, number * pictures)) for number in range(videos)]


def test_the_next_batch_is_begun_before_rows_are_waited_for() -> None:
    encoder = cast(Encoder, Numbering(batches=8))
    done = list(embedded(numbered(3, 5), lambda: encoder, readers=2, ahead=4))
    rows = np.concatenate([video.vectors for video in done])
    assert rows.ravel().tolist() == list(range(15))


def test_shards_side_by_side_hold_a_gpu_once() -> None:
    encoders = [cast(Encoder, Numbering(batches=500)) for _ in range(2)]
    start = time.perf_counter()
    shards = [embedded(numbered(200, 5), lambda e=e: e, readers=2, ahead=4) for e in encoders]  # type: ignore[misc]
    videos = [video for pair in zip(*shards, strict=True) for video in pair]
    assert len(videos) == 400
    assert sum(video.held_s for video in videos) <= time.perf_counter() - start


def test_rows_belong_to_their_frames(three_videos: Corpus, encoder: Recording) -> None:
    """The same frames one by one give the same rows, in the same order."""
    from tests.frame_pictures import read_pictures

    for entry in three_videos.through(*BEFORE, "embed"):
        assert isinstance(entry.result, EmbeddedVideo)
        framed, services = entry.result.framed, three_videos.services
        with services.scratch.folder() as folder:
            services.store.download(framed.tar, folder / "t.tar")
            alone = [
                encoder.embed_images([picture])[0]
                for _, picture in read_pictures(folder / "t.tar", framed.frames)
            ]
        assert vectors(three_videos, entry.result) == pytest.approx(np.stack(alone), abs=1e-4)


def test_a_video_whose_frames_cannot_be_read_fails_alone(
    three_videos: Corpus, encoder: Recording
) -> None:
    services = three_videos.services
    entries = three_videos.through(*BEFORE)
    broken = entries[1].result
    services.store.put(broken.tar, services.store.get(broken.tar)[:3000], "application/x-tar")  # type: ignore[union-attr]
    by_code = {entry.video.code: entry for entry in three_videos.through(*BEFORE, "embed")}
    problem = by_code["b"].problem
    assert problem
    assert problem.kind == "failed"
    assert isinstance(by_code["a"].result, EmbeddedVideo)
    assert isinstance(by_code["c"].result, EmbeddedVideo)


def test_a_frame_that_cannot_be_decoded_fails_its_video_alone(
    three_videos: Corpus, encoder: Recording, tmp_path: Path
) -> None:
    """Its files are whole, so that only preparing it shows."""
    services = three_videos.services
    framed = three_videos.through(*BEFORE)[1].result
    assert isinstance(framed, FramedVideo)
    with tarfile.open(tmp_path / "t.tar", "w") as tar:
        for frame in framed.frames:
            tar.addfile(tarfile.TarInfo(frame.file))
    services.store.upload(framed.tar, tmp_path / "t.tar", "application/x-tar")
    problems = [entry.problem for entry in three_videos.through(*BEFORE, "embed")]
    assert [problem.kind if problem else "done" for problem in problems] == [
        "done",
        "failed",
        "done",
    ]


def test_batches_shrink_with_the_encoder(three_videos: Corpus, encoder: Recording) -> None:
    encoder.batch_size = 3
    three_videos.through(*BEFORE, "embed")
    assert set(encoder.batches[:-1]) == {3}


def test_no_model_is_loaded_when_all_is_reused(
    three_videos: Corpus, encoder: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_videos.through(*BEFORE, "embed")
    monkeypatch.setattr("components.encoders.load.load_encoder", None)  # to call it is an error
    with Services(three_videos.services.settings) as fresh:
        again = Corpus(fresh)
        again.videos = three_videos.videos
        entries = again.through(*BEFORE, "embed")
    assert all(step.reused for entry in entries for step in entry.steps)


def test_vectors_that_are_gone_are_made_anew(three_videos: Corpus, encoder: Recording) -> None:
    (first, *_) = three_videos.through(*BEFORE, "embed")
    assert isinstance(first.result, EmbeddedVideo)
    bucket, _, key = first.result.vectors.removeprefix("s3://").partition("/")
    three_videos.services.store.delete(bucket, [key])
    encoder.batches.clear()
    again = three_videos.through(*BEFORE, "embed")
    assert [entry.steps[-1].reused for entry in again] == [False, True, True]
    assert sum(encoder.batches) == len(first.result.framed.frames)


def test_a_model_that_cannot_be_loaded_ends_the_phase(three_videos: Corpus) -> None:
    services = three_videos.services
    three_videos.through(*BEFORE)
    services.settings = services.settings.having("embed", model="no/such-model")
    with pytest.raises(ConfigurationError, match="no/such-model"):
        three_videos.through(*BEFORE, "embed")
