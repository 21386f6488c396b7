"""The demonstration's parts: videos out of packages, and the sheet that shows a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.crop.detect import find_picture
from components.records.run_report import RunFrame, RunVideo
from components.records.videos import Rectangle
from components.running.services import Services
from components.settings import CropSettings, LimitSettings
from components.stores.vectors.store import Hit
from tests.conftest import source_of
from workflows.demo.sheet import ContactSheet
from workflows.demo.videos import SLIDES, make_videos

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


def test_the_sheet_shows_frames_crop_and_hits(services: Services) -> None:
    red = Image.new("RGB", (320, 180), (200, 30, 30))
    with services.scratch.folder() as folder:
        red.save(folder / "red.png")
        services.store.upload(
            "s3://oriane-frames/tiktok/v/3_0.10.png", folder / "red.png", "image/png"
        )
    path = "tiktok/v/3_0.10.png"
    frame = RunFrame(number=3, second=0.1, path=path, scene_start=0.0, scene_end=4.0)
    video = RunVideo(
        platform="tiktok",
        code="v",
        status="done",
        reason=None,
        message=None,
        duration=4.0,
        crop=Rectangle(x=0, y=230, width=360, height=180),
        frames=(frame,) * 9,
        duplicates_removed=1,
        reused=(),
        seconds={},
    )
    hit = Hit(
        score=0.9,
        platform="tiktok",
        code="v",
        second=0.1,
        frame_number=3,
        scene_start=0.0,
        scene_end=4.0,
        path=path,
    )
    sheet = ContactSheet(services.store, "oriane-frames")
    one_row = sheet.image().height
    sheet.add_video(video, Image.new("RGB", (360, 640), (9, 9, 200)))
    sheet.add_hits("a cat", [hit])
    pixels = np.asarray(sheet.image())
    assert pixels.shape[0] > one_row + 2 * 150
    assert pixels.shape[1] == 1600
    assert (np.abs(pixels.astype(int) - (200, 30, 30)).sum(axis=2) < 12).mean() > 0.2, "frames"
    assert (np.abs(pixels.astype(int) - (9, 9, 200)).sum(axis=2) < 12).any(), "the source"
    assert (np.abs(pixels.astype(int) - (249, 171, 0)).sum(axis=2) < 12).any(), "the crop"
