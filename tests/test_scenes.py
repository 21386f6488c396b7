"""Scene cuts: the same as PySceneDetect's own detectors find."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenedetect import AdaptiveDetector, ContentDetector, SceneDetector
from scenedetect.common import FrameTimecode, Timecode

from components.frame.scenes import MIN_SCENE_S, SceneCuts
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
