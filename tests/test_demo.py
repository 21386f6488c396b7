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
from components.stores.vectors.store import Hit
from tests.conftest import source_of
from workflows.demo.videos import SLIDES, make_videos, packaged_folder
from workflows.sheet.drawing import ContactSheet
from workflows.sheet.parts import SheetFrame, SheetVideo

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


def hit(code: str, second: float, score: float) -> Hit:
    return Hit(
        score=score, platform="tiktok", code=code, second=second, frame_number=3, scene_start=0.0,
        scene_end=4.0, path=f"tiktok/{code}/{second:.2f}.png",
    )  # fmt: skip


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
    sheet.add_hits("a cat", [hit("v", 1.0, 0.5)])
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


def test_the_same_footage_in_several_videos_is_shown_once() -> None:
    pictures = {"a": "chelsea.png", "b": "coffee.png", "c": "chelsea.png"}
    sheet = ContactSheet(lambda path: photograph(pictures[path.split("/")[1]]))
    sheet.add_hits("x", [hit("a", 1.0, 0.9), hit("b", 1.0, 0.8), hit("c", 2.0, 0.7)])
    ((_, tiles),) = sheet._searches
    assert [tile.caption for tile in tiles] == ["0.90  a 1.00 s, also in c", "0.80  b 1.00 s"]


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
