"""Frames are what the video shows at the second they are named for, however it keeps time."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.frame.extract import extract
from components.media.video import opened
from components.records.videos import CroppedVideo, Frame
from components.settings import FrameSettings, LimitSettings
from tests.clips import (
    ffmpeg,
    moving_picture,
    numbered_video,
    shown_number,
    write_pictures,
)
from tests.conftest import source_of
from tests.frame_pictures import read_pictures

pytestmark = pytest.mark.slow

REGULAR = [number / 30 for number in range(120)]
# Slows down from 30 frames a second to 2, as phones do in the dark.
VARIABLE = [0.0]
for _number in range(1, 60):
    VARIABLE.append(round(VARIABLE[-1] + 1 / 30 + (_number / 60) ** 2 / 2, 3))
EVERY_S = FrameSettings(VP_SAMPLE_FPS=2, VP_MIN_FRAMES=8)


def frames_of(
    path: Path, tmp_path: Path, settings: FrameSettings = EVERY_S
) -> list[tuple[Frame, int]]:
    """Return the frames that are picked and the number that each picture shows."""
    tar = tmp_path / "frames.tar"
    cropped = CroppedVideo(source=source_of(path), rectangle=None)
    frames = extract(path, tar, cropped, settings, LimitSettings(), 24).frames
    return [(frame, shown_number(picture)) for frame, picture in read_pictures(tar, frames)]


def check(path: Path, seconds: list[float], tmp_path: Path, within: float = 0.0015) -> None:
    found = frames_of(path, tmp_path)
    assert len(found) >= 5
    for frame, shown in found:
        assert frame.number == shown
        assert frame.second == pytest.approx(seconds[shown], abs=within)


def test_a_keyframe_comes_without_the_frames_after_it(tmp_path: Path) -> None:
    options = {"g": "30", "bf": "3", "sc_threshold": "0"}
    path = numbered_video(tmp_path / "v.mp4", REGULAR, options=options)
    with opened(path) as video:
        for wanted in (90, 30):
            video.seek(video.pts(REGULAR[wanted + 7], 0.0))
            shown = list(video.decoded(0.0, video.next_keyframe()))
            assert [frame.second for frame in shown] == [pytest.approx(REGULAR[wanted], abs=1e-3)]


def test_constant_rate_with_b_frames(tmp_path: Path) -> None:
    check(numbered_video(tmp_path / "v.mp4", REGULAR, options={"bf": "3"}), REGULAR, tmp_path)


def test_variable_rate(tmp_path: Path) -> None:
    check(numbered_video(tmp_path / "v.mp4", VARIABLE), VARIABLE, tmp_path)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("late.ts", ["-muxdelay", "3"]),
        ("late.mkv", ["-output_ts_offset", "7.5"]),
        ("late.mp4", ["-output_ts_offset", "4"]),
    ],
)
def test_start_that_is_not_zero(tmp_path: Path, name: str, options: list[str]) -> None:
    plain = numbered_video(tmp_path / "plain.mp4", REGULAR)
    late = tmp_path / name
    ffmpeg("-i", plain, "-c", "copy", *options, late)
    assert source_of(late).start > 1
    check(late, REGULAR, tmp_path)


def test_picture_that_starts_after_the_sound(tmp_path: Path) -> None:
    """Players show the sound from zero, so the first frame keeps its delay."""
    plain = numbered_video(tmp_path / "plain.mp4", REGULAR)
    late = tmp_path / "late.mp4"
    sound = ["-f", "lavfi", "-i", "sine=duration=6"]
    ffmpeg("-itsoffset", 2, "-i", plain, *sound, "-map", "0:v", "-map", "1:a", "-c:v", "copy", late)
    check(late, [second + 2 for second in REGULAR], tmp_path)


def test_edit_list_that_cuts_the_beginning(tmp_path: Path) -> None:
    """A stream copy that starts between keyframes hides the frames before by an edit list."""
    plain = numbered_video(tmp_path / "plain.mp4", REGULAR, options={"g": "60", "bf": "0"})
    cut = tmp_path / "cut.mp4"
    ffmpeg("-ss", 0.5, "-i", plain, "-c", "copy", cut)
    for frame, shown in frames_of(cut, tmp_path):
        assert frame.second == pytest.approx(REGULAR[shown] - 0.5, abs=0.02)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation(tmp_path: Path, degrees: int) -> None:
    """The numbers can only be read off pictures that are turned upright."""
    turned = {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}[degrees]
    plain = numbered_video(tmp_path / "plain.mp4", REGULAR)
    stored, rotated = tmp_path / "stored.mp4", tmp_path / "rotated.mp4"
    ffmpeg("-i", plain, "-vf", turned, "-crf", 12, stored)
    ffmpeg("-display_rotation", degrees, "-i", stored, "-c", "copy", rotated)
    source = source_of(rotated)
    assert (source.width, source.height, source.rotation) == (320, 180, degrees)
    check(rotated, REGULAR, tmp_path)


def test_scene_bounds_are_the_cuts(tmp_path: Path) -> None:
    """Two shots: bounds are the presentation times at which the picture changes."""
    pictures = [moving_picture(number, 320, 180) for number in range(90)]
    pictures[45:] = [255 - picture // 2 for picture in pictures[45:]]
    path = write_pictures(tmp_path / "v.mp4", pictures, REGULAR[:90])
    tar = tmp_path / "frames.tar"
    cropped = CroppedVideo(source=source_of(path), rectangle=None)
    settings = FrameSettings(VP_MIN_FRAMES=1)
    frames = extract(path, tar, cropped, settings, LimitSettings(), 24).frames
    bounds = [bound for frame in frames for bound in (frame.scene_start, frame.scene_end)]
    assert bounds == pytest.approx([0.0, 1.5, 1.5, 3.0], abs=0.04)
    assert [frame.second for frame in frames] == pytest.approx([0.75, 2.25], abs=0.07)
