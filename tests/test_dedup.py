"""Near-duplicates are dropped by comparison with the last frame that was kept."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imagehash import ImageHash
from numpy.typing import NDArray
from PIL import Image

from components.dedup.distinct import KeptHashes, Scope, originals
from components.records.videos import Frame, FramedVideo
from tests.clips import numbered_video, write_pictures
from tests.conftest import Corpus


def frame(number: int) -> Frame:
    return Frame(number=number, second=float(number), scene_start=0, scene_end=99)


def hashed(bits: int) -> ImageHash:
    return ImageHash(np.array([bool(bits >> index & 1) for index in range(64)]).reshape(8, 8))


def kept(values: list[int], tolerance: int, scope: Scope = "adjacent") -> list[int]:
    return [number for number, of in sorted_out(values, tolerance, scope) if of is None]


def sorted_out(values: list[int], tolerance: int, scope: Scope) -> list[tuple[int, int | None]]:
    pairs = [(frame(number), hashed(value)) for number, value in enumerate(values)]
    found = originals(pairs, tolerance, scope)
    return [(one.number, of.number if of else None) for one, of in found]


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


def test_in_the_scope_of_the_video_a_return_is_dropped_and_says_of_what() -> None:
    values = [0, 2**40 - 1, 0b111, 2**40 - 1, 0]
    assert kept(values, 5, "video") == [0, 1]
    assert sorted_out(values, 5, "video")[2:] == [(2, 0), (3, 1), (4, 0)]


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40),
    st.integers(0, 64),
    st.sampled_from(["adjacent", "video"]),
)
def test_each_frame_is_kept_or_repeats_one_that_is(
    values: list[int], tolerance: int, scope: Scope
) -> None:
    remaining: list[int] = []
    for number, of in sorted_out(values, tolerance, scope):
        near = remaining[-1:] if scope == "adjacent" else remaining
        distances = {other: (values[other] ^ values[number]).bit_count() for other in near}
        if of is None:
            assert all(distance > tolerance for distance in distances.values())
            remaining.append(number)
        else:
            assert distances[of] == min(distances.values()) <= tolerance


@given(st.lists(st.binary(min_size=18, max_size=18), min_size=1, max_size=40), st.data())
def test_the_nearest_hash_of_any_length_is_found(values: list[bytes], data: st.DataObject) -> None:
    """Of 144 bits here, which fill two words and a part of a third."""
    hashes = [
        ImageHash(np.unpackbits(np.frombuffer(value, np.uint8)).astype(bool).reshape(12, 12))
        for value in values
    ]
    wanted = data.draw(st.sampled_from(hashes)) if data.draw(st.booleans()) else hashes[-1]
    seen = KeptHashes(144)
    for value in hashes:
        seen.add(value)
    distances = [wanted - value for value in hashes]
    assert seen.nearest(wanted) == (distances.index(min(distances)), min(distances))
    assert len(seen) == len(hashes)


def test_a_looped_clip_keeps_its_content_once(tmp_path: Path, corpus: Corpus) -> None:
    """Twelve times five seconds of two scenes; where each dropped frame is shown stays known."""
    once = [scene(number // 25, number) for number in range(50)]
    pictures = once * 12
    seconds = [number / 10 for number in range(len(pictures))]
    corpus.add(write_pictures(tmp_path / "v.mp4", pictures, seconds))
    found = {}
    for scope in ("adjacent", "video"):
        corpus.services.settings = corpus.services.settings.having("dedup", scope=scope)
        (entry,) = corpus.through("fetch", "crop", "frame", "dedup")
        assert isinstance(entry.result, FramedVideo)
        found[scope] = entry.result
    assert len(found["adjacent"].frames) == 24
    framed = found["video"]
    assert len(framed.frames) == 2
    assert framed.duplicates_removed == len(framed.duplicates) == 22
    numbers = [one.number for one in framed.frames]
    for duplicate in framed.duplicates:
        assert duplicate.of == numbers[duplicate.number % 50 // 25]
        assert duplicate.second == pytest.approx(duplicate.number / 10)


def scene(which: int, number: int) -> NDArray[np.uint8]:
    """Return a picture of a scene that hardly moves."""
    grounds = np.random.default_rng(which).integers(60, 250, (6, 8, 3), np.uint8)
    still = Image.fromarray(grounds).resize((320, 240), Image.Resampling.BICUBIC)
    return np.roll(np.asarray(still), number % 3, axis=1)


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
