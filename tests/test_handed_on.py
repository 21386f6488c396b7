"""What frame hands on to embed in one process gives the vectors that the stored files give."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.base.model_names import PACKAGED
from components.encoders.load import load_encoder
from components.encoders.scaling import known_scaling
from components.frames_tar.scaled import ScaledFrames, read_scaled
from components.pipeline import PHASES, chooses_frames
from components.records.videos import EmbeddedVideo, FramedVideo
from components.running.decoders import Decoders
from components.running.services import Services
from components.settings import EmbedSettings, Settings
from tests.clips import numbered_video
from tests.conftest import Corpus, SharedDecoders
from tests.phases import through

pytestmark = pytest.mark.slow

BEFORE = through(chooses_frames())


@pytest.fixture
def here(settings: Settings, decoders: Decoders) -> Iterator[Services]:
    settings = settings.having("frame", sample_fps=1.0).having("dedup", tolerance=2)
    with SharedDecoders(settings, decoders, every_phase=True) as services:
        yield services


def kept(services: Services, framed: FramedVideo) -> bool:
    with services.copies.last_use(f"{framed.tar}.scaled", framed.cropped.source.etag) as path:
        return path is not None


def test_vectors_are_those_of_the_stored_files(
    tmp_path: Path, here: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus(here)
    corpus.add(numbered_video(tmp_path / "v.mp4", [n / 10 for n in range(60)]))
    # No file is read where what was in memory is handed on.
    with monkeypatch.context() as unread:
        unread.setattr("components.embed.run.pictures", None)
        (entry,) = corpus.through(*BEFORE, "embed")
    embedded = entry.result
    assert isinstance(embedded, EmbeddedVideo)
    assert embedded.framed.frames
    content = here.store.get(embedded.vectors)
    assert not kept(here, embedded.framed), "it is used once"
    bucket, _, key = embedded.vectors.removeprefix("s3://").partition("/")
    here.store.delete(bucket, [key])
    with SharedDecoders(here.settings, here.decoders, every_phase=False) as later:
        again = Corpus(later)
        again.videos, again._runs = corpus.videos, corpus._runs
        # The tar is in the first process alone.
        with here.copies.of(embedded.framed.tar, embedded.framed.cropped.source.etag, "f") as tar:
            later.store.upload(embedded.framed.tar, tar, "application/x-tar")
        (entry,) = again.through(*BEFORE, "embed")
    assert isinstance(entry.result, EmbeddedVideo)
    assert {step.phase: step.reused for step in entry.steps} == {
        phase: phase != "embed" for phase in (*BEFORE, "embed")
    }
    assert later.store.get(entry.result.vectors) == content
    assert np.load(io.BytesIO(content)).shape[0] == len(embedded.framed.frames)


@pytest.mark.parametrize("changed", [{"picture_format": "jpeg"}, {}], ids=["JPEG", "pods"])
def test_nothing_is_handed_on_where_the_model_is_to_see_the_file(
    tmp_path: Path, settings: Settings, decoders: Decoders, changed: dict[str, str]
) -> None:
    settings = settings.having("frame", **changed)
    with SharedDecoders(settings, decoders, every_phase=bool(changed)) as services:
        corpus = Corpus(services)
        corpus.add(numbered_video(tmp_path / "v.mp4", [n / 10 for n in range(20)]))
        (entry,) = corpus.through(*BEFORE)
        assert isinstance(entry.result, FramedVideo)
        assert not kept(services, entry.result)


def test_a_whole_run_is_the_same(tmp_path: Path, here: Services) -> None:
    corpus = Corpus(here)
    corpus.add(numbered_video(tmp_path / "v.mp4", [n / 10 for n in range(30)]))
    (entry,) = corpus.through(*PHASES)
    assert entry.problem is None


def test_the_model_need_not_be_loaded_to_know_what_it_sees() -> None:
    encoder = load_encoder(EmbedSettings(CLIP_MODEL=PACKAGED))
    assert encoder.scaling is not None
    assert encoder.scaling == known_scaling(PACKAGED)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 161, 3), np.uint8))
    ready = encoder.of_pixels(encoder.scaling(picture))
    assert np.array_equal(ready, encoder.preprocess(picture))
    assert known_scaling("some/model") is None


def test_a_file_of_other_frames_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "scaled"
    pixels = np.zeros((2, 3, 3), np.uint8)
    with ScaledFrames(path, (3, 2)) as file:
        file.add(7, pixels + 1)
        file.add(4, pixels)
    found = read_scaled(path, (3, 2))
    assert sorted(found) == [4, 7]
    assert np.array_equal(found[7], pixels + 1)
    with ScaledFrames(path, (3, 2)) as file:
        file.add(4, pixels)
        file.add(4, pixels)
    with pytest.raises(ValueError, match="twice"):
        read_scaled(path, (3, 2))
    for content in (b"", b"12345"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r".+"):
            read_scaled(path, (3, 2))
