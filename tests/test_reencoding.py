"""Re-encoding without a border: what comes out is what decoding with the rectangle shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.crop.detect import border_stays, find_picture
from components.crop.reencode import reencode
from components.records.videos import CroppedVideo, Rectangle
from components.settings import CropSettings, LimitSettings
from tests import readable
from tests.conftest import source_of
from tests.readable import HEIGHT, WIDTH, Picture
from tests.shown import FROM_BT709, ORIENTATIONS, extracted_of, joined, shown

pytestmark = pytest.mark.slow

_BAR = 40


def with_bars(shown: Picture) -> Picture:
    bar = np.zeros((_BAR, WIDTH, 3), np.uint8)
    return np.concatenate([bar, shown, bar])


def reencoded(path: Path, tmp_path: Path) -> list[Picture]:
    """Take a video with bars through probe, crop and frame, re-encoding it on the way."""
    limits, crop = LimitSettings(), CropSettings(VP_CROP_OUTPUT="video", VP_CROP_CQ=10)
    source = source_of(path)
    rectangle = find_picture(path, source, crop, limits)
    assert rectangle == Rectangle(x=0, y=_BAR, width=WIDTH, height=HEIGHT)
    assert border_stays(path, source, rectangle, crop.limit, limits)
    target = tmp_path / "cropped.mp4"
    reencode(path, target, source, rectangle, crop)
    cropped = CroppedVideo(source=source, rectangle=rectangle, reencoded="s3://results/c.mp4")
    return [picture for _, picture in extracted_of(target, cropped, limits)[1]]


def check_reencoded(pictures: list[Picture], off: int = 12) -> None:
    assert len(pictures) == 3
    for picture in pictures:
        assert picture.shape == (HEIGHT, WIDTH, 3)
        reading = readable.read(picture)
        assert reading.is_upright
        assert reading.off() <= off


@pytest.mark.parametrize("matrix", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_reencoding_turns_as_decoding_does(
    tmp_path: Path, matrix: tuple[int, int, int, int]
) -> None:
    path = readable.write(
        tmp_path / "v.mp4",
        stored=lambda picture: readable.turned_back(with_bars(picture), *matrix),
    )
    readable.with_matrix(path, *matrix)
    check_reencoded(reencoded(path, tmp_path))


def test_reencoding_takes_the_stream_that_was_chosen(tmp_path: Path) -> None:
    video = readable.write(tmp_path / "a.mp4", stored=with_bars)
    small = readable.write(tmp_path / "b.mp4", "-vf", "scale=80:44")
    marks = ["-disposition:v:0", 0, "-disposition:v:1", "default"]
    path = joined(tmp_path, "v.mp4", *marks, inputs=[small, video])
    check_reencoded(reencoded(path, tmp_path))


def test_reencoding_makes_pixels_square(tmp_path: Path) -> None:
    scale = f"scale=240:{HEIGHT + 2 * _BAR},setsar=4/3"
    path = readable.write(tmp_path / "v.mp4", "-vf", scale, stored=with_bars)
    check_reencoded(reencoded(path, tmp_path))


@pytest.mark.parametrize("tagged", [True, False])
def test_reencoding_says_how_colours_are_coded(tmp_path: Path, tagged: bool) -> None:
    """Untagged HD is taken for BT.709, and what is cut out of it may no longer be HD."""
    tags = ("-colorspace", "bt709") if tagged else ()
    pads = f"pad=1280:{HEIGHT + 2 * _BAR}:480:0,scale=out_color_matrix=bt709:out_range=tv"
    path = readable.write(tmp_path / "v.mp4", "-vf", pads, *tags, stored=with_bars)
    limits, crop = LimitSettings(), CropSettings(VP_CROP_OUTPUT="video", VP_CROP_CQ=10)
    source, target = source_of(path), tmp_path / "cropped.mp4"
    wanted = Rectangle(x=480, y=_BAR, width=WIDTH, height=HEIGHT)
    assert find_picture(path, source, crop, limits) == wanted
    reencode(path, target, source, wanted, crop)
    cropped = CroppedVideo(source=source, rectangle=wanted, reencoded="s3://results/c.mp4")
    check_reencoded([picture for _, picture in extracted_of(target, cropped, limits)[1]])


def test_reencoding_keeps_bright_colours(tmp_path: Path) -> None:
    path = readable.write(
        tmp_path / "v.mp4",
        *("-vf", FROM_BT709.format(transfer="smpte2084"), "-c:v", "libx265", "-crf", 8),
        *("-pix_fmt", "yuv420p10le", "-x265-params"),
        "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
        stored=with_bars,
    )
    plain = [readable.read(picture[_BAR:-_BAR]) for _, picture in shown(path).pictures]
    again = [readable.read(picture) for picture in reencoded(path, tmp_path)]
    for before, after in zip(plain, again, strict=True):
        assert before.off(after.patches) <= 3
