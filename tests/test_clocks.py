"""Clocks that wrap, restart and jump, and edit lists: every picture is at its second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.errors import Reason
from components.settings import LimitSettings
from tests import readable
from tests.readable import FPS, SCENE
from tests.shown import rejected, shown

pytestmark = pytest.mark.slow

CLOSE_KEYS = ("-g", SCENE, "-bf", 0)
_WRAP_S = 2**33 / 90000


def segments(tmp_path: Path, *options: object) -> list[bytes]:
    """Return three segments of a scene each, whose clocks each begin anew."""
    parts = []
    for scene in range(3):
        frames = range(scene * SCENE, (scene + 1) * SCENE)
        path = readable.write(tmp_path / f"{scene}.ts", "-bf", 2, *options, frames=frames)
        parts.append(path.read_bytes())
    return parts


def test_joined_segments_go_on_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "v.ts"
    path.write_bytes(b"".join(segments(tmp_path)))
    result = shown(path)
    result.check()
    assert result.source.duration == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("before_s", [0.5, 1.5, 2.7])
def test_a_clock_of_33_bits_wraps(tmp_path: Path, before_s: float) -> None:
    begin = _WRAP_S - before_s - 1.4
    path = readable.write(tmp_path / "v.ts", "-output_ts_offset", f"{begin:.6f}")
    result = shown(path)
    result.check()
    assert result.source.duration == pytest.approx(3.0, abs=0.05)


def test_a_clock_wraps_twice_and_restarts(tmp_path: Path) -> None:
    near = ["-output_ts_offset", f"{_WRAP_S - 2.0:.6f}"]
    path = tmp_path / "v.ts"
    path.write_bytes(b"".join(segments(tmp_path, *near)))
    result = shown(path)
    result.check()
    assert result.source.duration == pytest.approx(3.0, abs=0.1)


def test_times_thrown_hours_ahead_are_damage(tmp_path: Path) -> None:
    path = readable.write(tmp_path / "v.ts", "-bf", 0)
    content = bytearray(path.read_bytes())
    thrown = 0
    for packet in range(0, len(content), 188):
        # A packet that begins a picture, and the first byte of its time (ISO/IEC 13818-1, 2.4.3).
        start = content.find(b"\x00\x00\x01\xe0", packet, packet + 188)
        if start >= 0 and content[packet + 1] & 0x40:
            thrown += 1
            if thrown % 20 == 7:
                content[start + 9] ^= 0x04
    path.write_bytes(content)
    result = shown(path)
    assert result.source.shifts
    result.check()
    assert result.source.duration == pytest.approx(3.0, abs=0.05)


def test_avi_of_b_frames(tmp_path: Path) -> None:
    """AVI says in which order frames are decoded, not when they are shown."""
    shown(readable.write(tmp_path / "v.avi", "-bf", 3)).check()


@pytest.mark.parametrize(
    ("edits", "first", "duration"),
    [
        ([(2.0, 0.0, 1)], 0.0, 2.0),
        ([(1.5, 1.0, 1)], 1.0, 1.5),
        ([(1.0, 0.0, 1), (1.0, 2.0, 1)], 0.0, 2.0),
        ([(1.0, 2.0, 1), (1.0, 0.0, 1)], 2.0, 2.0),
    ],
    ids=["end cut", "beginning cut", "middle cut", "turned round"],
)
def test_edit_lists(
    tmp_path: Path, edits: list[tuple[float, float, float]], first: float, duration: float
) -> None:
    path = readable.write(tmp_path / "v.mp4", *CLOSE_KEYS)
    readable.with_edits(path, edits)
    result = shown(path, VP_MIN_FRAMES=8)
    assert result.source.duration == pytest.approx(duration, abs=0.05)
    assert max(frame.scene_end for frame, _ in result.pictures) <= duration + 0.05
    starts = np.cumsum([0.0] + [seconds for seconds, _, _ in edits])
    for frame, picture in result.pictures:
        number = readable.read(picture).number
        place = int(np.searchsorted(starts, frame.second + 0.01, side="right")) - 1
        _, start, _ = edits[place]
        media = frame.second - starts[place] + start
        assert number == pytest.approx(media * FPS, abs=0.6)


def test_a_long_recording_trimmed_to_a_moment(tmp_path: Path) -> None:
    path = readable.write(tmp_path / "v.mp4", "-g", 1000, "-bf", 0, fps=1)
    readable.with_edits(path, [(10.0, 0.0, 1)])
    limits = LimitSettings(VP_MAX_DURATION_SECS=30)
    assert shown(path, limits).source.duration == pytest.approx(10.0)


def test_a_picture_that_stands_still_at_the_end_is_whole(tmp_path: Path) -> None:
    """Recorders of screens write a frame when something moves, and the length when they stop."""
    path = readable.write(tmp_path / "v.mkv", "-metadata", "title=x")
    content = bytearray(path.read_bytes())
    # Duration, a float of 8 bytes in milliseconds (RFC 9559, 5.1.2.10).
    at = content.index(b"\x44\x89\x88") + 3
    content[at : at + 8] = np.array([9000.0], ">f8").tobytes()
    path.write_bytes(content)
    result = shown(path)
    assert result.source.duration == pytest.approx(9.0)
    path.write_bytes(content[:-5000])
    assert rejected(path) == Reason.TRUNCATED
