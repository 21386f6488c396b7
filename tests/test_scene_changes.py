"""Every picture that stays has a frame: slides that dissolve, in every scan; flashes have none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from components.frame.changes import STAYS_S, ChangeWatch, Sketch, difference
from components.frame.extract import extract
from components.records.videos import CroppedVideo
from components.settings import FrameSettings, LimitSettings
from tests.clips import write_pictures
from tests.conftest import source_of
from tests.frame_pictures import read_pictures
from workflows.demo.videos import packaged_folder

RATE = 15
SIZE = (320, 180)
PHOTOS = ("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png", "motorcycle_left.png")
Pixels = NDArray[np.uint8]


def photo(name: str) -> Pixels:
    picture = Image.open(packaged_folder("skimage") / name).convert("RGB")
    return np.asarray(ImageOps.fit(picture, SIZE))


def slide_show(slides: Sequence[Pixels], stays_s: float, dissolve_s: float) -> list[Pixels]:
    """Return the pictures of slides that each stay for some seconds and dissolve into the next."""
    shown: list[Pixels] = []
    steps = round(dissolve_s * RATE)
    for number, slide in enumerate(slides):
        shown += [slide] * round(stays_s * RATE)
        for step in range(1, steps + 1) if number + 1 < len(slides) else ():
            share = step / (steps + 1)
            blend = (1 - share) * slide + share * slides[number + 1].astype(np.float32)
            shown.append(np.round(blend).astype(np.uint8))
    return shown


def kept(
    path: Path, pictures: Sequence[Pixels], options: dict[str, str] | None = None, **changes: object
) -> list[tuple[float, Pixels]]:
    """Encode the pictures; return second and pixels of the frames that represent the video."""
    seconds = [number / RATE for number in range(len(pictures))]
    write_pictures(path, pictures, seconds, options=options)
    settings = FrameSettings(**changes)  # type: ignore[arg-type]
    tar = path.with_suffix(".tar")
    cropped = CroppedVideo(source=source_of(path), rectangle=None)
    frames = extract(path, tar, cropped, settings, LimitSettings(), 24).frames
    found = [(frame.second, np.asarray(picture)) for frame, picture in read_pictures(tar, frames)]
    return sorted(found, key=lambda one: one[0])


def showing(found: Sequence[tuple[float, Pixels]], slide: Pixels) -> int:
    """Return how many of the frames show nothing but the slide."""
    apart = [np.abs(slide.astype(int) - picture).mean() for _, picture in found]
    return sum(mean < 6 for mean in apart)


@pytest.mark.slow
@pytest.mark.parametrize("dissolve_s", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("scan", ["all", "keyframes"])
def test_every_slide_that_dissolves_has_a_frame(
    tmp_path: Path, scan: str, dissolve_s: float
) -> None:
    """In the keyframe scan too, where keyframes lie farther apart than slides."""
    slides = [photo(name) for name in PHOTOS]
    pictures = slide_show(slides, 4.0, dissolve_s)
    options = {"crf": "20", "g": "150", "sc_threshold": "0"}
    found = kept(tmp_path / "v.mp4", pictures, options, VP_SCENE_SCAN=scan, VP_MIN_FRAMES=1)
    assert [showing(found, slide) for slide in slides] == [1] * len(slides)
    assert len(found) <= len(slides) + 1


@pytest.mark.slow
def test_slides_that_a_detector_misses_were_lost(tmp_path: Path) -> None:
    """What VP_SCENE_CHANGE=0 asks for: cuts and time only, as it was before."""
    slides = [photo(name) for name in PHOTOS]
    found = kept(
        tmp_path / "v.mp4", slide_show(slides, 4.0, 1.0), VP_SCENE_CHANGE=0, VP_MIN_FRAMES=1
    )
    assert sum(showing(found, slide) for slide in slides) < len(slides)


def with_flashes() -> list[Pixels]:
    """Return nine seconds of one picture, three times interrupted by another for 0.2 s."""
    pictures = [photo("coffee.png")] * 9 * RATE
    for at in (20, 60, 100):
        pictures[at : at + 3] = [photo("rocket.jpg")] * 3
    return pictures


@pytest.mark.slow
def test_flashes_make_no_frames(tmp_path: Path) -> None:
    """Without a detector that takes them for cuts, the scene has its one frame."""
    (found,) = kept(
        tmp_path / "v.mp4", with_flashes(), VP_SCENE_DETECTOR="threshold", VP_MIN_FRAMES=1
    )
    assert showing([found], photo("coffee.png")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("scan", ["all", "keyframes"])
def test_flashes_add_nothing_to_cuts(tmp_path: Path, scan: str) -> None:
    """The adaptive detector cuts at them; the scenes that it makes get no more than their frame."""
    options = {"VP_SCENE_SCAN": scan, "VP_MIN_FRAMES": 1}
    found = kept(tmp_path / "v.mp4", with_flashes(), **options)
    without = kept(tmp_path / "v.mp4", with_flashes(), **options, VP_SCENE_CHANGE=0)
    assert len(found) == len(without)
    coffee = photo("coffee.png")
    assert showing(found, coffee) == showing(without, coffee)


def test_a_fade_is_no_change() -> None:
    bright = photo("chelsea.png")
    fades = [(bright * share).astype(np.uint8) for share in np.linspace(0.3, 1, 40)]
    assert splits([bright] * 20 + fades[::-1] + fades) == []


def test_what_returns_is_no_change() -> None:
    one, other = photo("chelsea.png"), photo("rocket.jpg")
    assert splits([one] * 30 + [other] * round(0.8 * RATE) + [one] * 30) == []


def test_noise_on_a_flat_picture_is_no_change() -> None:
    chance = np.random.default_rng(1)
    assert splits([chance.integers(98, 103, (90, 160, 3), np.uint8) for _ in range(60)]) == []


def splits(pictures: Sequence[Pixels], least: float = 0.5, rate: float = RATE) -> list[float]:
    watch = ChangeWatch(least)
    fed = [watch.feed(number / rate, picture) for number, picture in enumerate(pictures)]
    found = [second for second in (*fed, watch.finish(len(pictures) / rate)) if second is not None]
    assert watch.held <= 12, "memory does not grow with the video"
    return found


@given(
    stays=st.lists(st.integers(25, 90), min_size=1, max_size=8),
    rate=st.sampled_from([7.5, 15.0, 25.0, 60.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_each_picture_that_stays_is_told_of_when_it_comes(
    stays: list[int], rate: float, seed: int
) -> None:
    """Pictures that have nothing in common, each shown two seconds and more, without cuts told."""
    chance = np.random.default_rng(seed)
    pictures: list[Pixels] = []
    starts = []
    for tenths in stays:
        starts.append(len(pictures) / rate)
        picture = chance.integers(0, 256, (24, 24, 3), np.uint8)
        pictures += [picture] * round(tenths / 10 * rate)
    assert splits(pictures, rate=rate) == pytest.approx(starts[1:], abs=max(0.2, 1 / rate) + 1e-6)


@given(
    cuts=st.sets(st.integers(0, 120)),
    changes=st.sets(st.integers(0, 120)),
    seed=st.integers(0, 2**32 - 1),
)
def test_changes_lie_apart_in_order_and_after_the_last_cut(
    cuts: set[int], changes: set[int], seed: int
) -> None:
    chance = np.random.default_rng(seed)
    watch = ChangeWatch(0.5)
    picture = chance.integers(0, 256, (24, 24, 3), np.uint8)
    last = -STAYS_S
    for number in range(120):
        if number in cuts:
            watch.cut(last := number / 10)
        if number in changes:
            picture = chance.integers(0, 256, (24, 24, 3), np.uint8)
        found = watch.feed(number / 10, picture)
        if found is not None:
            assert last + STAYS_S - 1e-6 <= found <= number / 10 - STAYS_S + 1e-6
            last = found


@given(st.integers(0, 2**32 - 1), st.integers(2, 200), st.integers(2, 200))
def test_difference_is_a_measure(seed: int, height: int, width: int) -> None:
    chance = np.random.default_rng(seed)
    one, other = (
        Sketch.of(chance.integers(0, 256, (height, width, 3), np.uint8)) for _ in range(2)
    )
    assert difference(one, one) == pytest.approx(0, abs=1e-4)
    assert difference(one, other) == pytest.approx(difference(other, one), abs=1e-6)
    assert 0 <= difference(one, other) <= 2 + 1e-6
