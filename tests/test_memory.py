"""Peak memory of decoding depends on the size of the picture, not on the length of the video."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.clips import ffmpeg

pytestmark = pytest.mark.slow

PEAK = """
import resource, sys
from pathlib import Path
from components.frame.extract import extract
from components.media.video import share_cores
from components.records.videos import CroppedVideo
from components.settings import FrameSettings, LimitSettings
from tests.conftest import source_of
import pytest
path = Path(sys.argv[1])
share_cores(int(sys.argv[2]))
cropped = CroppedVideo(source=source_of(path), rectangle=None)
settings = FrameSettings(VP_SAMPLE_FPS=1)
limits = LimitSettings(VP_DECODE_MEMORY_MB=256)
frames = extract(path, path.with_suffix(".tar"), cropped, settings, limits, 24).frames
print(len(frames), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def video(path: Path, seconds: int) -> Path:
    source = f"testsrc2=s=854x480:r=5:d={seconds}"
    ffmpeg("-f", "lavfi", "-i", source, "-preset", "ultrafast", "-crf", 40, path)
    return path


def peak_mb(path: Path, cores: int = 1) -> tuple[int, int]:
    """Return how many frames are picked from a video, and the peak in MB."""
    command = [sys.executable, "-W", "ignore", "-c", PEAK, str(path), str(cores)]
    frames, peak = subprocess.check_output(command, text=True).split()
    return int(frames), int(peak)


def test_a_long_video_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    short_frames, short = peak_mb(video(tmp_path / "short.mp4", 10))
    whole = video(tmp_path / "long.mp4", 60)
    long_frames, long = peak_mb(whole)
    assert long_frames > 5 * short_frames
    # 50 more pictures of 1.2 MB would be 60 MB.
    assert long < short + 30
    # Segments side by side: an eighth of the decoder's memory is for frames that wait for their
    # turn, and each decoder has its own that others refer to.
    _, beside = peak_mb(whole, cores=2)
    assert beside < short + 256 / 8 + 2 * 30
