"""Scene cuts: the same as PySceneDetect's own detectors find."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scenedetect import AdaptiveDetector, ContentDetector, SceneDetector
from scenedetect.common import FrameTimecode, Timecode

from components.frame.framing import is_blank
from components.frame.scenes import MIN_SCENE_S, SceneCuts, ScoredCuts
from components.settings import FrameSettings

pytestmark = pytest.mark.slow

FPS = 10.0
DETECTORS = {"content": ContentDetector, "adaptive": AdaptiveDetector}


def reference(name: str, threshold: float) -> SceneDetector:
    option = "threshold" if name == "content" else "adaptive_threshold"
    return DETECTORS[name](min_scene_len=MIN_SCENE_S, **{option: threshold})


@pytest.mark.parametrize(("name", "highest"), [("content", 60.0), ("adaptive", 6.0)])
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.02, 1))
def test_scores_in_one_pass_cut_where_the_library_does(
    name: str, highest: float, seed: int, share: float
) -> None:
    chance = np.random.default_rng(seed)
    threshold = share * highest
    cuts = SceneCuts(FrameSettings(VP_SCENE_DETECTOR=name, VP_SCENE_THRESH=threshold))
    theirs = reference(name, threshold)
    picture = chance.integers(0, 256, (18, 32, 3), dtype=np.uint8)
    found, expected = [], []
    for number in range(60):
        # Mostly a little motion, at times a new scene, at times no change at all.
        step = chance.choice([0, 8, 60, 256], p=[0.2, 0.5, 0.15, 0.15])
        change = chance.integers(0, step + 1, picture.shape)
        picture = ((picture + change) % 256).astype(np.uint8)
        found += cuts.feed(number / FPS, picture, picture.shape[:2])
        time = Timecode(round(1_000_000 * number / FPS), Fraction(1, 1_000_000))
        expected += theirs.process_frame(FrameTimecode(time, FPS), picture)
    assert found == pytest.approx([cut.seconds for cut in expected])


class Told(AdaptiveDetector):
    """The library's detector, given scores."""

    def _calculate_frame_score(self, _: FrameTimecode, score: float) -> float:
        return score


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from([14.999, 15.0, 22.0, 60.0, 255.0]))),
    st.lists(st.floats(0, 6), min_size=40, max_size=40),
)
def test_frames_that_a_detector_is_not_told_of_are_no_cuts(
    high: list[tuple[int, float]], quiet: list[float]
) -> None:
    scores: list[float] = []
    for stretch, score in high:
        scores += [*quiet[:stretch], score]
    scores += quiet
    cuts, theirs = ScoredCuts(FrameSettings()), Told(min_scene_len=MIN_SCENE_S)
    found, expected = [], []
    for number, score in enumerate(scores):
        found += cuts.feed(number / FPS, score)
        time = Timecode(round(1_000_000 * number / FPS), Fraction(1, 1_000_000))
        expected += theirs.process_frame(FrameTimecode(time, FPS), score)
    assert found == pytest.approx([cut.seconds for cut in expected])


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)),
           elements=st.integers(60, 66)),
    st.floats(0, 4),
)  # fmt: skip
def test_a_picture_is_blank_where_no_channel_varies(
    picture: NDArray[np.uint8], solid_std: float
) -> None:
    deviations = picture.reshape(-1, 3).astype(np.float64).std(axis=0)
    if np.abs(deviations - solid_std).min() > 1e-6:
        assert is_blank(picture, solid_std) == (deviations < solid_std).all()
