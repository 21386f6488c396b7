"""Commands as daemons, other programs and terminals of another encoding start them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clips import numbered_video
from tests.commands import environment, invoked, oriane, report_here

pytestmark = pytest.mark.slow


def test_without_standard_streams_a_video_is_what_it_is(tmp_path: Path, model: str) -> None:
    """What a worker was handed took their numbers, and the video was said to crash the decoder.

    The folder's name is no option of the S3 server either.
    """
    numbered_video(tmp_path / "clip.mp4", [number / 10 for number in range(10)])
    done = subprocess.run(
        [Path(sys.executable).with_name("oriane"), "run", "clip.mp4"],
        env={**environment(tmp_path, CLIP_MODEL=model), "VP_DATA_DIR": "--dash"},
        cwd=tmp_path,
        preexec_fn=lambda: os.closerange(0, 3),
        check=False,
    )
    assert done.returncode == 0
    assert (tmp_path / "--dash/s3/oriane-frames/local/clip/manifest.json").exists()


def test_what_others_read_from_the_environment(tmp_path: Path, model: str) -> None:
    """A proxy, a profile of AWS that is not here, and a user's own rclone lead nowhere else."""
    numbered_video(tmp_path / "clip.mp4", [number / 10 for number in range(10)])
    nowhere = "http://127.0.0.1:9"
    env = environment(
        tmp_path, CLIP_MODEL=model, http_proxy=nowhere, https_proxy=nowhere, ALL_PROXY=nowhere,
        AWS_PROFILE="nobody", RCLONE_READ_ONLY="1", RCLONE_EXCLUDE="*.mp4",
    )  # fmt: skip

    def ignored() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    done = subprocess.run(
        [Path(sys.executable).with_name("oriane"), "run", "clip.mp4", "--json"],
        env=env, cwd=tmp_path, preexec_fn=ignored, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [video["status"] for video in json.loads(done.stdout)["videos"]] == ["done"]
    buckets = ("S3_VIDEOS_BUCKET", "S3_FRAMES_BUCKET", "S3_ARTIFACTS_BUCKET")
    real = environment(tmp_path, AWS_PROFILE="nobody", **dict.fromkeys(buckets, "a"))
    # In a process of its own: boto3 reads what is configured once.
    said = oriane("run", "s3://a/", env=real, code=78).stderr
    assert "nobody" in said
    assert "check AWS_PROFILE" in said


# As the system hands on a byte that is no letter of UTF-8.
FOREIGN = os.fsdecode(b"\xff")


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", f"local/{FOREIGN}"),
        ("search", FOREIGN),
        ("search", "a street", "--platform", FOREIGN),
        ("retry", f"local/{FOREIGN}"),
        ("runs", FOREIGN),
        ("delete", f"local/{FOREIGN}", "--yes"),
        ("run", f"s3://oriane-contents/{FOREIGN}"),
        ("plan", f"s3://oriane-contents/{FOREIGN}"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_is_no_text_is_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, said = invoked(*arguments, data=tmp_path)
    assert code == 78
    assert "expected text of UTF-8" in said
    assert r"\udcff" in said


def test_a_file_may_lie_in_a_folder_of_any_name(tmp_path: Path, model: str) -> None:
    folder = tmp_path / FOREIGN
    folder.mkdir()
    numbered_video(folder / "clip.mp4", [number / 10 for number in range(10)])
    result = report_here(folder / "clip.mp4", env=environment(tmp_path, CLIP_MODEL=model))
    assert [video["status"] for video in result["videos"]] == ["done"]
