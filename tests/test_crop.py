"""Borders are found to two pixels; what is not a border is never cut away."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from components.crop.detect import find_picture, positions
from components.crop.reencode import reencode
from components.frame.extract import extract
from components.media.borders import Bars, Evidence, judged, smoothed
from components.records.videos import CroppedVideo, Frame, Rectangle, SourceVideo
from components.settings import CropSettings, FrameSettings, LimitSettings
from tests.clips import bordered_video, ffmpeg, moving_picture, numbered_video, write_pictures
from tests.conftest import Corpus, source_of
from tests.frame_pictures import read_pictures

pytestmark = pytest.mark.slow

DEFAULT = CropSettings()


def found(path: Path, crop: CropSettings = DEFAULT) -> Rectangle | None:
    return find_picture(path, source_of(path), crop, LimitSettings())


def check(rectangle: Rectangle | None, x: int, y: int, width: int, height: int) -> None:
    assert rectangle is not None
    sides = (rectangle.x, rectangle.y, rectangle.x + rectangle.width)
    assert sides == pytest.approx((x, y, x + width), abs=2)
    assert rectangle.y + rectangle.height == pytest.approx(y + height, abs=2)


@pytest.mark.parametrize(
    ("inside", "bars", "noise", "crf"),
    [
        ((360, 202), (219, 219, 0, 0), 6, 40),
        ((202, 360), (0, 0, 219, 219), 6, 40),
        ((320, 180), (0, 80, 0, 0), 6, 40),
        ((320, 180), (60, 100, 31, 49), 0, 18),
        ((320, 180), (60, 100, 31, 49), 0, 42),
        ((320, 180), (60, 100, 31, 49), 4, 24),
        ((320, 180), (60, 100, 31, 49), 6, 40),
    ],
    ids=["letterbox", "pillarbox", "one-side", "clean", "low", "noisy", "both"],
)
def test_borders_are_exact(
    tmp_path: Path,
    inside: tuple[int, int],
    bars: tuple[int, int, int, int],
    noise: float,
    crf: int,
) -> None:
    path = bordered_video(tmp_path / "v.mp4", inside=inside, bars=bars, noise=noise, crf=crf)
    check(found(path), bars[2], bars[0], *inside)


def test_ten_bit_and_rotated_borders(tmp_path: Path) -> None:
    plain = bordered_video(tmp_path / "plain.mp4", inside=(320, 180), bars=(90, 90, 0, 0))
    deep, turned = tmp_path / "deep.mp4", tmp_path / "turned.mp4"
    hevc = ["-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le"]
    ffmpeg("-i", plain, *hevc, deep)
    check(found(deep), 0, 90, 320, 180)
    ffmpeg("-display_rotation", 90, "-i", plain, "-c", "copy", turned)
    check(found(turned), 90, 0, 180, 320)


def darkened(scale: float) -> list[np.ndarray]:
    """Return footage of a lit disc that drifts over black space with stars."""
    rows, columns = np.mgrid[0:240, 0:426]
    stars = np.random.default_rng(5).random((240, 426)) > 0.999
    pictures = []
    for number in range(90):
        disc = np.hypot(columns - 150 - number, rows - 120) < 55
        picture = np.where(disc, 150.0 * scale, 4.0) + 160.0 * stars
        pictures.append(np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, 2))
    return pictures


def seconds(count: int) -> list[float]:
    return [number / 30 for number in range(count)]


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_dark_footage_has_no_border(tmp_path: Path, scale: float) -> None:
    assert found(write_pictures(tmp_path / "v.mp4", darkened(scale), seconds(90))) is None


def test_night_scene_has_no_border(tmp_path: Path) -> None:
    """A scene lit in its middle fades into darkness on all sides, without an edge."""
    rows, columns = np.mgrid[0:240, 0:426]
    glow = np.exp(-(((columns - 213) / 70.0) ** 2 + ((rows - 120) / 40.0) ** 2))
    pictures = []
    for number in range(90):
        light = glow[..., None] * moving_picture(number, 426, 240)
        pictures.append(light.astype(np.uint8))
    assert found(write_pictures(tmp_path / "v.mp4", pictures, seconds(90))) is None


def test_fades_have_no_border(tmp_path: Path) -> None:
    plain = write_pictures(
        tmp_path / "plain.mp4", [moving_picture(n, 426, 240) for n in range(90)], seconds(90)
    )
    faded = tmp_path / "faded.mp4"
    ffmpeg("-i", plain, "-vf", "fade=in:0:40,fade=out:50:40", "-crf", 20, faded)
    assert found(faded) is None


def test_black_video_has_no_border(tmp_path: Path) -> None:
    black = [np.zeros((240, 426, 3), np.uint8)] * 60
    assert found(write_pictures(tmp_path / "v.mp4", black, seconds(60))) is None


@pytest.mark.parametrize("bare", [(0, 30), (60, 90), (40, 45)], ids=["start", "end", "blink"])
def test_border_for_part_of_the_video_is_not_cropped(
    tmp_path: Path, bare: tuple[int, int], corpus: Corpus
) -> None:
    """Even where no probe sees the moment without a border, the decode of all frames does."""
    pictures = [moving_picture(number, 320, 240) for number in range(90)]
    for number, picture in enumerate(pictures):
        if not bare[0] <= number < bare[1]:
            picture[:50] = picture[-50:] = 0
    path = write_pictures(tmp_path / "v.mp4", pictures, seconds(90))
    corpus.add(path, "partial")
    (entry,) = corpus.through("fetch", "crop", "frame")
    assert entry.result is not None
    assert entry.result.rectangle is None  # type: ignore[attr-defined]


def test_caption_in_the_border_is_not_cut_away(tmp_path: Path) -> None:
    pictures = [moving_picture(number, 320, 300) for number in range(60)]
    for picture in pictures:
        picture[:60] = picture[-60:] = 0
        picture[20:32, 80:240:3] = 230
    check(found(write_pictures(tmp_path / "v.mp4", pictures, seconds(60))), 0, 0, 320, 240)


def test_border_thinner_than_the_ratio_stays(tmp_path: Path) -> None:
    path = bordered_video(tmp_path / "v.mp4", inside=(320, 228), bars=(6, 6, 0, 0))
    assert found(path) is None
    check(found(path, CropSettings(VP_MIN_CROP_RATIO=0.02)), 0, 6, 320, 228)


def test_margin_is_trimmed_on_sides_with_a_border_only(tmp_path: Path) -> None:
    path = bordered_video(tmp_path / "v.mp4", inside=(320, 180), bars=(60, 60, 0, 0))
    check(found(path, CropSettings(VP_CROP_SAFE_MARGIN=10)), 0, 70, 320, 160)


def test_probes_lie_apart_and_repeat(tmp_path: Path) -> None:
    source = source_of(numbered_video(tmp_path / "code.mp4", seconds(300)))
    first = positions(source, 3, 2.0)
    assert first == positions(source, 3, 2.0)
    room = (source.duration - 2) / 3
    assert all(
        room * index <= position <= room * (index + 1) for index, position in enumerate(first)
    )
    other = source.model_copy(update={"video": source.video.model_copy(update={"code": "other"})})
    assert positions(other, 3, 2.0) != first


def test_disabled(tmp_path: Path, corpus: Corpus) -> None:
    corpus.services.settings = corpus.services.settings.having("crop", enabled=False)
    path = bordered_video(tmp_path / "v.mp4", inside=(320, 180), bars=(60, 60, 0, 0), frames=15)
    corpus.add(path)
    (entry,) = corpus.through("fetch", "crop")
    assert entry.result is not None
    assert entry.result.rectangle is None  # type: ignore[attr-defined]


def test_reencoded_video_gives_the_same_frames_and_times(tmp_path: Path) -> None:
    """Cropping while decoding and cropping by re-encoding differ by compression alone."""
    source = source_of(
        bordered_video(tmp_path / "v.mp4", inside=(320, 180), bars=(61, 59, 0, 0), frames=60)
    )
    path, target = tmp_path / "v.mp4", tmp_path / "out.mp4"
    cut = find_picture(path, source, DEFAULT, LimitSettings())
    assert cut is not None
    even, encoder = reencode(path, target, source, cut, DEFAULT)
    assert encoder in ("h264_nvenc", "libx264")
    assert all(side % 2 == 0 for side in (even.x, even.y, even.width, even.height))
    check(even, cut.x, cut.y, cut.width, cut.height)
    by_rectangle = frames(path, CroppedVideo(source=source, rectangle=even), tmp_path)
    reencoded = CroppedVideo(source=source, rectangle=even, reencoded="s3://a/b.mp4")
    by_encoding = frames(target, reencoded, tmp_path)
    assert [frame.file for frame, _ in by_rectangle] == [frame.file for frame, _ in by_encoding]
    for (_, one), (_, other) in zip(by_rectangle, by_encoding, strict=True):
        assert one.shape == other.shape
        assert np.abs(one.astype(int) - other.astype(int)).mean() < 6


def frames(path: Path, cropped: CroppedVideo, tmp_path: Path) -> list[tuple[Frame, np.ndarray]]:
    tar = tmp_path / "frames.tar"
    settings = FrameSettings(VP_SAMPLE_FPS=2)
    picked = extract(path, tar, cropped, settings, LimitSettings(), 24).frames
    return [(frame, np.asarray(picture)) for frame, picture in read_pictures(tar, picked)]


@settings(max_examples=40)
@given(
    bars=st.tuples(*[st.integers(20, 60)] * 2, *[st.integers(0, 0) | st.integers(20, 60)] * 2),
    off_by=st.tuples(*[st.integers(-4, 4)] * 4),
    level=st.integers(60, 235),
    seed=st.integers(0, 2**16),
)
def test_edges_are_found_wherever_cropdetect_was_off(
    bars: tuple[int, int, int, int], off_by: tuple[int, int, int, int], level: int, seed: int
) -> None:
    """The proposal may be some pixels off, as noise makes it; the verdict is exact."""
    top, bottom, left, right = bars
    height, width = 160 + top + bottom, 200 + left + right
    random = np.random.default_rng(seed)
    evidence = Evidence(height, width)
    for _ in range(12):
        luma = np.full((height, width), 16.0)
        luma[top : top + 160, left : left + 200] = random.normal(level, 12, (160, 200))
        luma += random.normal(0, 2, luma.shape)
        evidence.add(np.clip(luma, 0, 255).astype(np.uint8))
    proposed = Bars(*(bar + off if bar else 0 for bar, off in zip(bars, off_by, strict=True)))
    assert judged(evidence, proposed, 24) == Bars(*bars)


def test_source_is_what_players_show(tmp_path: Path) -> None:
    """Sanity of the fixture that other tests build on."""
    source = source_of(numbered_video(tmp_path / "v.mp4", seconds(30)))
    assert isinstance(source, SourceVideo)
    assert (source.width, source.height, source.codec) == (320, 180, "h264")
    assert source.duration == pytest.approx(1.0, abs=0.04)


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=st.floats(0, 255, width=32),
    )
)
def test_smoothing_is_a_box_filter(plane: NDArray[np.float32]) -> None:
    expected = cv2.blur(plane, (9, 9))
    assert np.allclose(smoothed(plane), expected, atol=1e-3)
