"""A fault of the program meets every video: the run ends early, and says what to report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from components.errors import Failure
from components.records.manifest import Entry, Problem
from components.records.videos import Video
from tests.clips import numbered_video
from tests.commands import environment, oriane
from workflows.local.shared_fault import SharedFault

pytestmark = pytest.mark.slow

# As PyAV 19 did to what was written for 18: an argument is gone.
_BROKEN = """
import av

def refuse(*_, **options):
    raise TypeError("open() got an unexpected keyword argument 'metadata_errors'")

av.open = refuse
"""


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str]:
    """The environment of processes whose PyAV opens nothing."""
    (tmp_path / "sitecustomize.py").write_text(_BROKEN)
    (tmp_path / "data").mkdir()
    return environment(tmp_path / "data", CLIP_MODEL="packaged:conse", PYTHONPATH=tmp_path)


def test_the_run_ends_early_and_says_what_to_report(tmp_path: Path, broken: dict[str, str]) -> None:
    video = numbered_video(tmp_path / "v.mp4", [0.0, 0.1])
    for number in range(12):
        shutil.copy(video, tmp_path / "data" / f"{number}.mp4")
    done = oriane("run", ".", "--json", "--shards-in-flight", "1", env=broken, code=1)
    videos = json.loads(done.stdout)["videos"]
    assert [video["reason"] for video in videos] == [Failure.INTERNAL_ERROR] * 12
    assert sum(video["message"].startswith("not tried") for video in videos) == 9
    assert done.stderr.count("Traceback (most recent call last)") == 2, "the worker's, and ours"
    said = "".join(done.stderr.split("\n"))
    assert "every video failed with the same internal error" in said
    assert "unexpected keyword argument 'metadata_errors'" in said
    assert "oriane 0." in said
    assert "av 1" in said


def test_the_demonstration_does_not_search_for_what_is_not_there(
    tmp_path: Path, broken: dict[str, str]
) -> None:
    video = numbered_video(tmp_path / "v.mp4", [0.0, 0.1])
    # What is there already is left alone, so these are the demonstration's videos.
    for name in ("instagram/bikes", "instagram/slides", "tiktok/letterboxed", "youtube/bunny"):
        folder = tmp_path / "data/s3/oriane-contents" / name
        folder.mkdir(parents=True)
        shutil.copy(video, folder / "video.mp4")
    done = oriane("demo", env=broken, code=1)
    assert "every video failed with the same internal error" in done.stderr
    assert "no collection" not in done.stderr


def entry(
    message: str = "", reason: str = Failure.INTERNAL_ERROR, phase: str = "frame"
) -> Entry[Video]:
    video = Video(platform="p", code="c", source="s3://b/p/c/video.mp4")
    if not message:
        return Entry[Video](video=video, result=video)
    problem = Problem(kind="failed", phase=phase, reason=reason, message=message)
    return Entry[Video](video=video, problem=problem)


@pytest.mark.parametrize(
    "others",
    [
        [entry()],
        [entry("TypeError: x", phase="crop")],
        [entry("KeyError: x")],
        [entry("TypeError: x", reason="unavailable")],
        [],
    ],
    ids=["done", "other phase", "other error", "other reason", "too few"],
)
def test_one_that_ends_otherwise_leaves_hope(others: list[Entry[Video]]) -> None:
    fault = SharedFault()
    fault.add([entry("TypeError: a"), entry("TypeError: b")])
    fault.add(others)
    if others:
        fault.add([entry("TypeError: c")] * 3)
    assert fault.verdict is None


def test_three_of_one_kind_are_enough() -> None:
    fault = SharedFault()
    fault.add([entry("TypeError: a")] * 3)
    fault.add([entry()])
    assert fault.verdict is not None
    assert fault.verdict.message == "not tried: the first 3 videos all met TypeError: a"
