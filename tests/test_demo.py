"""The demonstration's parts: videos out of packages, and the sheet that shows a run."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.crop.detect import find_picture
from components.records.videos import Frame, Rectangle
from components.settings import CropSettings, LimitSettings
from tests.conftest import source_of
from workflows.demo.videos import SLIDES, make_videos, packaged_folder
from workflows.sheet.drawing import ContactSheet
from workflows.sheet.parts import SheetFrame, SheetMoment, SheetVideo

pytestmark = pytest.mark.slow


def test_videos_are_made_once_and_are_what_they_should_be(tmp_path: Path) -> None:
    names = make_videos(tmp_path, packages=None)
    assert names == ["instagram/bikes", "instagram/slides", "tiktok/letterboxed", "youtube/bunny"]
    paths = {name: tmp_path / name / "video.mp4" for name in names}
    slides = source_of(paths["instagram/slides"])
    assert slides.duration == pytest.approx(sum(seconds for _, seconds in SLIDES), abs=0.1)
    boxed = source_of(paths["tiktok/letterboxed"])
    assert (boxed.width, boxed.height) == (720, 1280)
    picture = find_picture(paths["tiktok/letterboxed"], boxed, CropSettings(), LimitSettings())
    assert picture is not None
    assert (picture.width, picture.height) == pytest.approx((720, 306), abs=2)
    written = {path: path.stat().st_mtime_ns for path in paths.values()}
    assert make_videos(tmp_path, packages=None) == names
    assert {path: path.stat().st_mtime_ns for path in paths.values()} == written


RED, BLUE = (200, 30, 30), (9, 9, 200)
RANK, CROP, DROPPED = (249, 171, 0), (77, 208, 225), (255, 110, 110)


def frame(second: float, colour: tuple[int, int, int], *, dropped: bool = False) -> SheetFrame:
    known = Frame(number=int(second * 10), second=second, scene_start=0.0, scene_end=4.0)
    return SheetFrame(known, Image.new("RGB", (320, 180), colour), dropped)


def moment(code: str, confidence: float, *same: str) -> SheetMoment:
    return SheetMoment(code, 0.0, 4.0, f"tiktok/{code}/3_1.00.png", confidence, same)


def photograph(name: str) -> bytes:
    with Image.open(packaged_folder("skimage") / name) as picture, io.BytesIO() as file:
        picture.convert("RGB").resize((320, 240)).save(file, "PNG")
        return file.getvalue()


def where(image: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    """Return which pixels of the sheet are of this colour."""
    return np.abs(np.asarray(image).astype(int) - colour).sum(axis=2) < 12


def test_the_sheet_shows_hits_first_then_crop_frames_and_times() -> None:
    sheet = ContactSheet(lambda path: photograph("chelsea.png"))
    video = SheetVideo(
        name="tiktok/v", duration=8.0, crop=Rectangle(x=0, y=230, width=360, height=180),
        source=Image.new("RGB", (360, 640), BLUE), duplicates_removed=1,
        frames=(frame(1.0, RED), frame(3.0, RED), frame(3.5, RED, dropped=True)),
    )  # fmt: skip
    sheet.add_video(video)
    empty = sheet.image().height
    sheet.add_answer("a cat", [moment("v", 0.5)], fits=True)
    image = sheet.image()
    assert image.width == 1600
    assert image.height > empty + 150
    legend = 50
    rank, crop = (
        np.flatnonzero(where(image, colour)[legend:].any(axis=1)) for colour in (RANK, CROP)
    )
    assert rank.max() < crop.min(), "searches come first, and their ranks are of another colour"
    assert where(image, BLUE).sum() > 200 * 100, "the picture inside the crop, large"
    assert where(image, DROPPED)[legend:].sum() > 500, "the dropped frame, and its mark in time"
    assert where(image, RED).sum() > 2 * 150 * 200


def test_what_fits_has_a_rank_and_what_does_not_is_faded() -> None:
    white = io.BytesIO()
    Image.new("RGB", (320, 180), "white").save(white, "PNG")
    seen = {}
    for fits in (True, False):
        sheet = ContactSheet(lambda path: white.getvalue())
        sheet.add_answer("x", [moment("a", 0.97, "c"), moment("b", 0.91)], fits=fits)
        (search,) = sheet._searches
        captions = [tile.caption for tile in search.tiles]
        assert captions == ["0.97  a 0.0 to 4.0 s, also in c", "0.91  b 0.0 to 4.0 s"]
        image = sheet.image().crop((0, 50, 1600, 260))
        seen[fits] = (where(image, (255, 255, 255)).sum() > 40_000, where(image, RANK).sum() > 500)
    assert seen == {True: (True, True), False: (False, False)}


def test_a_sheet_stays_below_500_kb(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (180, 320, 3), np.uint8))
    frames = tuple(
        SheetFrame(Frame(number=n, second=n, scene_start=0.0, scene_end=90.0), noise)
        for n in range(20)
    )
    sheet = ContactSheet(lambda path: b"")
    sheet.add_video(SheetVideo("a/b", 90.0, None, None, frames, 0))
    for name in ("sheet.jpg", "sheet.webp"):
        sheet.save(tmp_path / name)
        assert (tmp_path / name).stat().st_size < 500_000
        with Image.open(tmp_path / name) as saved:
            assert saved.format == {"sheet.jpg": "JPEG", "sheet.webp": "WEBP"}[name]
