"""`oriane search` as typed: whatever a question can have, over a deployment that a run left."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.commands import environment, invoked, oriane_here
from tests.deployment import copy

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, deployment: Path) -> Path:
    folder = tmp_path_factory.mktemp("searched")
    copy(deployment, folder)
    return folder


def answer(data: Path, *asked: object) -> dict[str, Any]:
    """Return the answer to a question of which everything fits, unless it says otherwise."""
    everything = () if "--confidence" in asked else ("--confidence", 0)
    code, text = invoked("search", *asked, *everything, "--json", data=data)
    assert code == 0, text
    found: dict[str, Any] = json.loads(text.splitlines()[0])
    return found


def videos(found: dict[str, Any]) -> set[str]:
    """Return the videos of the moments, and of those that look the same."""
    same = {name.rpartition("/")[0] for one in found["moments"] for name in one["folded"]}
    return same | {f"{one['platform']}/{one['code']}" for one in found["moments"]}


BOTH = {"local/one", "local/two"}
FUTURE, PAST = "2100-01-01", "2000-01-01"


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        ((), BOTH),
        (("--platform", "local"), BOTH),
        (("--platform", "tiktok"), set()),
        (("--video", "local/one"), {"local/one"}),
        (("--video", "two"), {"local/two"}),
        (("--after", PAST, "--before", FUTURE), BOTH),
        (("--after", FUTURE), set()),
        (("--before", PAST), set()),
        (("--min-duration", 1, "--max-duration", 2), BOTH),
        (("--min-duration", 2), set()),
        (("--to-second", 0.05), set()),
        (("--uncropped",), BOTH),
        (("--cropped",), set()),
        (("--confidence", 1), set()),
    ],
)
def test_filters(data: Path, narrowed: tuple[object, ...], expected: set[str]) -> None:
    found = answer(data, "a number", "--per-video", 0, *narrowed)
    assert videos(found) == expected
    assert found["fits"] is bool(expected)
    assert not found["undated"]


def test_seconds_are_those_of_frames(data: Path) -> None:
    frames = [f for one in answer(data, "a number")["moments"] for f in one["frames"]]
    middle = sorted(frame["second"] for frame in frames)[len(frames) // 2]
    later = answer(data, "a number", "--from-second", middle)["moments"]
    assert later
    assert all(frame["second"] >= middle for one in later for frame in one["frames"])


def test_all_that_may_be_asked_for_together(data: Path) -> None:
    first = answer(data, "a number", "--video", "local/one")["moments"][0]["best"]
    named = f"{first['platform']}/{first['code']}/{first['frame_number']}"
    by_picture = answer(data, "--image", first["location"])["moments"][0]
    assert by_picture["score"] > 0.99
    scores = {
        asked: answer(data, *asked)["moments"][0]["score"]
        for asked in (
            ("a number", "a cat"),
            ("a number", "--image", first["location"]),
            ("a number", "--like", named),
            ("a number",),
        )
    }
    assert len(set(scores.values())) == 3, "each counts, and a picture as the frame that it is"
    without = answer(data, "a clock", "--without", "a clock")
    assert without["moments"] == []
    alike = answer(data, "--like", named)
    shown = {
        f"{one['platform']}/{one['code']}/{one['frame_number']}"
        for moment in alike["moments"]
        for one in moment["frames"]
    }
    assert shown
    assert named not in shown


def test_a_picture_that_is_no_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large.jpg"
    os.mkfifo(pipe)
    large.write_bytes(bytes(100_001))
    (video := tmp_path / "video").write_bytes(b"\0\0\0\x18ftypisom" + bytes(200_000))
    (of_a_phone := tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
    for path, told in (
        ("/dev/zero", "found no regular file; give a JPEG"),
        (pipe, "found no regular file"),
        (tmp_path, "found no regular file"),
        (tmp_path / "none.jpg", "No such file"),
        (large, "larger than 0.1 MB; make it smaller, or raise VP_SERVE_PICTURE_MB"),
        (video, "expected a picture, found a video; give a JPEG"),
        (of_a_phone, "found HEIC or AVIF; give a JPEG"),
    ):
        code, says = invoked("search", "--image", path, data=tmp_path, VP_SERVE_PICTURE_MB=0.1)
        assert code == 78
        assert f"--image {path}: " in says
        assert told in says


def test_a_table_or_that_nothing_fits(data: Path) -> None:
    code, text = invoked("search", "a number", "--confidence", 1, data=data, COLUMNS=200)
    assert code == 0
    assert "Nothing fits “a number”: no moment reaches a confidence of 1" in text
    code, text = invoked("search", "a number", "--confidence", 0, "--limit", 1, data=data)
    assert code == 0
    assert "“a number”" in text
    for asked, told in (
        (("--platform", "tiktok"), "no frame passes --platform tiktok."),
        (("--after", FUTURE, "--uncropped"), f"no frame passes --after {FUTURE}."),
        (("--before", PAST, "--cropped"), f"no frame passes --before {PAST} --cropped."),
        (("--video", "one", "--from-second", 0.5, "--to-second", 0.51), "--from-second 0.5"),
        (("--platform", "tiktok", "--frames"), "No frame passes the filters"),
    ):
        code, text = invoked("search", "a number", *asked, data=data)
        assert (code, told in text) == (0, True), text


@pytest.mark.parametrize("text", ["eine Katze", "???"])
def test_a_text_that_the_model_hardly_knows_is_told(data: Path, text: str) -> None:
    assert answer(data, text, "a cat")["unknown"] == [text]
    code, says = invoked("search", "a cat", "--without", text, data=data)
    assert code == 0
    assert f"The model hardly knows “{text}”, so its confidence says little" in says


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("a" * 1001,), "at most 1000 characters, found one of 1001; say in a sentence"),
        ((" ",), "found an empty one"),
        (("--without", "a cat"), "to search for, found none, only what to leave out"),
        (("a cat", "--from-second", 9, "--to-second", 2), "from_second 9 is above to_second 2"),
        (("a cat", "--after", FUTURE, "--before", PAST), "is not earlier than before 2000-01-01"),
        (("--like", "local/one"), "platform/code/number, found 'local/one'; oriane show"),
        (("--like", "local/one/999"), "frame local/one/999 is not in the collection; oriane show"),
    ],
)
def test_what_cannot_be_asked_says_what_to_do(
    data: Path, asked: tuple[object, ...], told: str
) -> None:
    code, says = invoked("search", *asked, data=data)
    assert (code, told in says) == (78, True), says


def test_a_date_that_is_none(data: Path) -> None:
    done = oriane_here("search", "x", "--after", "yesterday", env=environment(data), code=2)
    assert "expected a date such as 2026-11-01" in done.stderr
