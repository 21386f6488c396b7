"""VP_SCENE_SCAN=keyframes: the scenes of a full scan, and frames that are what they say."""

from __future__ import annotations

from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from components.dedup.run import sketched
from components.errors import ConfigurationError
from components.frame.extract import extract
from components.media.display import Display
from components.media.pictures import upright
from components.media.video import opened
from components.records.videos import CroppedVideo, Frame, Rectangle
from components.settings import FrameSettings, LimitSettings, Settings
from tests.clips import moving_picture, write_pictures
from tests.conftest import Corpus, source_of
from tests.frame_pictures import read_pictures

pytestmark = pytest.mark.slow

RATE = 30
# Seconds at which the scenes of `scenes` begin.
STARTS = [0.0, 2.5, 5.1, 6.4, 9.2]
LENGTH_S = 12
# As encoders place keyframes: at cuts and at most 8 s apart, or every second and nowhere else.
AT_CUTS = {"g": "250"}
FIXED = {"g": "30", "keyint_min": "30", "sc_threshold": "0"}


def scenes(path: Path, options: dict[str, str], bar: int = 0) -> Path:
    """Write a video of five moving scenes, with a black bar above and below if wanted."""
    pictures = []
    for number in range(RATE * LENGTH_S):
        scene = sum(number / RATE >= start for start in STARTS)
        grounds = np.random.default_rng(scene).integers(60, 250, (8, 10, 3), np.uint8)
        still = np.asarray(Image.fromarray(grounds).resize((320, 240), Image.Resampling.BICUBIC))
        picture = np.roll(still, number, axis=1)
        if bar:
            picture[:bar] = picture[-bar:] = 0
        pictures.append(picture)
    seconds = [number / RATE for number in range(len(pictures))]
    return write_pictures(path, pictures, seconds, options=options)


def frames(
    path: Path, scan: str, folder: Path, rectangle: Rectangle | None = None, **changes: object
) -> list[tuple[Frame, Image.Image]]:
    cropped = CroppedVideo(source=source_of(path), rectangle=rectangle)
    settings = FrameSettings(VP_SCENE_SCAN=scan, **changes)  # type: ignore[arg-type]
    tar = folder / f"{scan}.tar"
    found = extract(path, tar, cropped, settings, LimitSettings(), 24).frames
    return list(read_pictures(tar, found))


def starts(found: list[tuple[Frame, Image.Image]]) -> list[float]:
    return sorted({frame.scene_start for frame, _ in found})


@pytest.mark.parametrize("options", [AT_CUTS, FIXED], ids=["at cuts", "fixed"])
def test_finds_the_scenes_of_a_full_scan(tmp_path: Path, options: dict[str, str]) -> None:
    path = scenes(tmp_path / "v.mp4", options)
    assert starts(frames(path, "all", tmp_path)) == pytest.approx(STARTS, abs=0.04)
    # The first frame that is large may be some after the cut: those between refer to it.
    assert starts(frames(path, "keyframes", tmp_path)) == pytest.approx(STARTS, abs=0.1)


def test_a_frame_is_the_one_that_decoding_everything_gives(tmp_path: Path) -> None:
    """Number, second, pixels and hash agree, with a crop and frames that are not keyframes."""
    path = scenes(tmp_path / "v.mp4", AT_CUTS, bar=40)
    inside = Rectangle(x=0, y=40, width=320, height=160)
    found = frames(path, "keyframes", tmp_path, inside)
    assert len(found) >= len(STARTS)
    with opened(path) as video:
        decoded = {one.number: one for one in video.decoded(0.0)}
    for frame, picture in found:
        whole = upright(decoded[frame.number].frame, Display())
        assert np.array_equal(np.asarray(picture), whole[40:200])
        assert frame.second == decoded[frame.number].second
        assert imagehash.dhash(sketched(frame)) == imagehash.dhash(picture)


def test_both_scans_give_the_minimum_of_frames(tmp_path: Path) -> None:
    path = scenes(tmp_path / "v.mp4", FIXED)
    found = frames(path, "keyframes", tmp_path, VP_MIN_FRAMES=9)
    assert len(frames(path, "all", tmp_path, VP_MIN_FRAMES=9)) == 9
    assert len(found) >= 9


def test_a_video_of_one_keyframe_is_looked_at_in_the_frames_that_others_refer_to(
    tmp_path: Path,
) -> None:
    pictures = [moving_picture(number, 320, 180) for number in range(60)]
    path = write_pictures(tmp_path / "v.mp4", pictures, [number / RATE for number in range(60)])
    by_keyframes = [frame for frame, _ in frames(path, "keyframes", tmp_path)]
    assert by_keyframes == [frame for frame, _ in frames(path, "reference", tmp_path)]
    assert len(by_keyframes) == len(frames(path, "all", tmp_path))


def test_times_that_the_container_does_not_tell_are_decoded(tmp_path: Path) -> None:
    path = scenes(tmp_path / "v.avi", FIXED)
    assert starts(frames(path, "keyframes", tmp_path)) == starts(frames(path, "all", tmp_path))


def test_a_border_that_goes_is_noticed_in_keyframes(tmp_path: Path) -> None:
    path = scenes(tmp_path / "v.mp4", FIXED)
    cropped = CroppedVideo(
        source=source_of(path), rectangle=Rectangle(x=0, y=40, width=320, height=160)
    )
    settings = FrameSettings(VP_SCENE_SCAN="keyframes")
    found = extract(path, tmp_path / "f.tar", cropped, settings, LimitSettings(), 24)
    assert found.rectangle is None
    assert found.frames


def test_the_rectangle_does_not_depend_on_the_scan(tmp_path: Path, corpus: Corpus) -> None:
    corpus.add(scenes(tmp_path / "v.mp4", FIXED, bar=40))
    rectangles = []
    for scan in ("all", "keyframes"):
        corpus.services.settings = corpus.services.settings.having("frame", scan=scan)
        (entry,) = corpus.through("fetch", "crop", "frame")
        assert entry.result
        rectangles.append(entry.result.model_dump()["rectangle"])
    assert rectangles[0] == rectangles[1] == {"x": 0, "y": 40, "width": 320, "height": 160}


def test_detectors_that_look_at_every_frame_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VP_SCENE_SCAN", "keyframes")
    monkeypatch.setenv("VP_SCENE_DETECTOR", "hash")
    with pytest.raises(ConfigurationError, match=r"VP_SCENE_SCAN.*adaptive or content"):
        Settings.load()


def test_without_a_gpu_the_cpu_decodes(tmp_path: Path) -> None:
    path = scenes(tmp_path / "v.mp4", FIXED)
    assert frames(path, "all", tmp_path, VP_DECODE_HWACCEL="cuda") == frames(path, "all", tmp_path)
