"""Near-duplicates are dropped by comparison with the last frame that was kept."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from imagehash import ImageHash

from components.dedup.run import distinct
from components.records.videos import Frame, FramedVideo
from tests.clips import numbered_video
from tests.conftest import Corpus


def frame(number: int) -> Frame:
    return Frame(number=number, second=float(number), scene_start=0, scene_end=99)


def hashed(bits: int) -> ImageHash:
    return ImageHash(np.array([bool(bits >> index & 1) for index in range(64)]).reshape(8, 8))


def kept(values: list[int], tolerance: int) -> list[int]:
    pairs = [(frame(number), hashed(value)) for number, value in enumerate(values)]
    return [frame.number for frame in distinct(pairs, tolerance)]


def test_a_slow_drift_is_measured_from_the_last_kept_one() -> None:
    """Each step is within the tolerance; comparing with the previous frame would drop all."""
    drift = [(1 << 3 * step) - 1 for step in range(9)]
    assert kept(drift, 5) == [0, 2, 4, 6, 8]


def test_a_return_to_an_earlier_picture_is_kept() -> None:
    assert kept([0, 0, 2**40 - 1, 0], 5) == [0, 2, 3]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30), st.integers(0, 64))
def test_properties(values: list[int], tolerance: int) -> None:
    numbers = kept(values, tolerance)
    assert numbers[0] == 0
    for earlier, later in pairwise(numbers):
        assert (values[earlier] ^ values[later]).bit_count() > tolerance
    for number in set(range(len(values))) - set(numbers):
        last = max(candidate for candidate in numbers if candidate < number)
        assert (values[last] ^ values[number]).bit_count() <= tolerance


def test_toggle_and_tolerance_on_a_video(tmp_path: Path, corpus: Corpus) -> None:
    corpus.add(numbered_video(tmp_path / "v.mp4", [number / 10 for number in range(60)]))
    services = corpus.services
    results = {}
    for name, changes in {
        "off": {"enabled": False},
        "strict": {"tolerance": 0},
        "all alike": {"tolerance": 64},
    }.items():
        services.settings = services.settings.having("dedup", **changes)
        services.settings = services.settings.having("frame", sample_fps=1.0)
        (entry,) = corpus.through("fetch", "crop", "frame", "dedup")
        assert isinstance(entry.result, FramedVideo)
        results[name] = (len(entry.result.frames), entry.result.duplicates_removed)
        services.settings = services.settings.having("dedup", enabled=True)
    total = results["off"][0]
    assert results["off"] == (total, 0)
    assert results["all alike"] == (1, total - 1)
    assert sum(results["strict"]) == total
