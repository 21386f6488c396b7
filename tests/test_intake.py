"""What `oriane run` makes of the files and folders that a person has."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from components.base.model_names import PACKAGED
from components.errors import ConfigurationError
from components.settings import Settings, StorageSettings
from components.stores.s3 import Store
from tests.clips import ffmpeg, numbered_video
from tests.commands import environment, invoked, oriane_here
from workflows.intake.content import looks_like_video
from workflows.intake.copies import copied, faults_told
from workflows.intake.files import LocalFiles, Selection, local_files
from workflows.intake.given import given

BUCKET = "oriane-contents"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    return numbered_video(folder / "clip.mp4", [number / 5 for number in range(5)], 160, 90)


def put(clip: Path, folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, folder / name)


def below(folder: Path, **selection: object) -> LocalFiles:
    return local_files([str(folder)], Selection(**selection), BUCKET)  # type: ignore[arg-type]


def named(files: LocalFiles) -> dict[str, str]:
    return {str(video): video.file.name for video in files.videos}


def test_a_folder_as_people_have_it(clip: Path, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    put(
        clip, videos,
        "tiktok/abc/video.mp4", "IMG_0001.MP4", "trip/IMG_0001.mp4", "trip/day 2/IMG_0001.mp4",
        "old/film.wmv", "old/phone.3gp", "old/camera.m2ts", "a file without a suffix",
        "looks.jpg", ".hidden.mp4", ".cache/x.mp4", "2024/tiktok/deep/video.mp4",
    )  # fmt: skip
    (videos / "notes.txt").write_text("no video")
    (videos / "code.ts").write_text("export const x = 1")
    (videos / "broken.mp4").write_text("named as a video, so fetch is to say why it is none")
    (videos / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (videos / "loop").symlink_to(videos)
    found = below(videos)
    assert named(found) == {
        "local/2024--tiktok--deep": "video.mp4",
        "local/IMG_0001": "IMG_0001.MP4",
        "local/a file without a suffix": "a file without a suffix",
        "local/broken": "broken.mp4",
        "local/looks": "looks.jpg",
        "local/old--camera": "camera.m2ts",
        "local/old--film": "film.wmv",
        "local/old--phone": "phone.3gp",
        "local/trip--IMG_0001": "IMG_0001.mp4",
        "local/trip--day 2--IMG_0001": "IMG_0001.mp4",
        "tiktok/abc": "video.mp4",
    }
    assert found.summary == (
        "taken: 10 local, 1 tiktok; left out: 2 hidden, 1 linked, 1 .ts, 1 .txt, 1 .png"
    )


def test_what_is_still_written_is_left_for_later(clip: Path, tmp_path: Path) -> None:
    put(clip, tmp_path, "a.mp4", "b.mp4.part", "c.mp4.crdownload", "d.TMP")
    found = below(tmp_path)
    assert named(found) == {"local/a": "a.mp4"}
    assert found.summary == "taken: 1 local; left out: 3 unfinished"


def test_a_link_leads_to_videos_only(clip: Path, tmp_path: Path) -> None:
    """Whoever packed the folder may have named a link to a file of its reader like a video."""
    secret, videos = tmp_path / "key", tmp_path / "videos"
    secret.write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    put(clip, tmp_path, "elsewhere.mp4")
    videos.mkdir()
    (videos / "key.mp4").symlink_to(secret)
    (videos / "film.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    found = below(videos)
    assert named(found) == {"local/film": "film.mp4"}
    assert found.summary == "taken: 1 local; left out: 1 linked"


def test_names_and_platforms_choose(clip: Path, tmp_path: Path) -> None:
    put(clip, tmp_path, "a.mp4", "draft-b.mp4", "tiktok/c/video.mp4", "youtube/d/video.mp4")
    assert named(below(tmp_path, exclude=("draft*", "youtube/*"))).keys() == {
        "local/a", "tiktok/c",
    }  # fmt: skip
    assert named(below(tmp_path, include=("*.mp4",), platform="tiktok")).keys() == {
        "tiktok/a", "tiktok/draft-b", "tiktok/c",
    }  # fmt: skip
    assert "1 of other platforms" in below(tmp_path, platform="tiktok").summary


@pytest.mark.parametrize(
    ("given", "platform", "expected"),
    [
        ("tiktok/abc/video.mp4", "", "tiktok/abc"),
        ("./tiktok/abc/video.mp4", "", "tiktok/abc"),
        ("{here}/tiktok/abc/video.mp4", "tiktok", "tiktok/abc"),
        ("{here}/tiktok/abc/video.mp4", "", "local/video, add --platform tiktok"),
        ("{here}/tiktok/abc/video.mp4", "youtube", "youtube/video, add --platform tiktok"),
        ("../here/tiktok/abc/video.mp4", "", "local/video, add --platform tiktok"),
        ("tiktok/abc/clip.mp4", "", "local/clip"),
        ("abc/video.mp4", "", "local/video"),
        ("../abc/video.mp4", "", "local/video"),
        ("video.mp4", "tiktok", "tiktok/video"),
    ],
)
def test_a_file_by_itself_is_named_by_its_folders_where_these_are_meant(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, platform: str,
    expected: str,
) -> None:  # fmt: skip
    """Those of /home/me/Downloads/video.mp4 are no platform and no code."""
    here = tmp_path / "here"
    put(clip, here, "tiktok/abc/video.mp4", "tiktok/abc/clip.mp4", "abc/video.mp4", "video.mp4")
    put(clip, tmp_path, "abc/video.mp4")
    monkeypatch.chdir(here)
    found = local_files([given.format(here=here)], Selection(platform=platform), BUCKET)
    (video,) = found.videos
    name, _, hint = expected.partition(", ")
    assert str(video) == name
    assert video.laid_out == (name == "tiktok/abc")
    assert (f"to take it as tiktok/abc, {hint}" in found.summary) == bool(hint)


def test_a_bad_file_costs_itself(clip: Path, tmp_path: Path) -> None:
    put(clip, tmp_path, "good.mp4", "wait...what.mp4", "x..%2f..%2fetc.mp4", "x" * 250 + ".mp4")
    put(clip, tmp_path, "y" * 200 + "/" + "z" * 100 + ".mp4")
    (tmp_path / "broken.mp4").symlink_to(tmp_path / "nowhere.mp4")
    found = below(tmp_path)
    assert named(found).keys() == {"local/good", "local/" + "x" * 250}
    assert {(Path(one.file).name, one.reason) for one in found.faults} == {
        ("wait...what.mp4", "bad_name"),
        ("x..%2f..%2fetc.mp4", "bad_name"),
        ("z" * 100 + ".mp4", "bad_name"),
        ("broken.mp4", "unreadable"),
    }
    (told,) = [one.message for one in found.faults if "wait" in one.file]
    assert told == r"code 'wait...what': must not contain '/', '\' or '..'; rename it"
    assert "3 bad_name, 1 unreadable" in found.summary


def test_what_keyboards_lack_is_typed_otherwise(clip: Path, tmp_path: Path) -> None:
    put(clip, tmp_path, "at 10.00\u202fAM.mov", "日本\u3000語.mp4", "👨\u200d👩\u200d👧.mp4")
    assert named(below(tmp_path)).keys() == {"local/at 10.00 AM", "local/日本 語", "local/👨👩👧"}
    alone = local_files([str(tmp_path / "at 10.00\u202fAM.mov")], Selection(), BUCKET)
    assert named(alone).keys() == {"local/at 10.00 AM"}


def test_a_name_that_forges_a_line_is_shown_in_one(clip: Path, tmp_path: Path) -> None:
    put(clip, tmp_path, "good.mp4", "new\nline.mp4", "gp\u202e4pm.mp4")
    shutil.copy(clip, bytes(tmp_path) + b"/not-utf8-\xff.mp4")
    found = below(tmp_path)
    assert named(found).keys() == {"local/good"}
    told = list(faults_told(found.faults))
    assert all(line.isprintable() for line in told)
    assert ["must be UTF-8" in line for line in told].count(True) == 1
    assert ["characters that cannot be seen" in line for line in told].count(True) == 2


def test_a_pipe_is_not_waited_for(clip: Path, tmp_path: Path) -> None:
    put(clip, tmp_path / "v", "good.mp4")
    os.mkfifo(tmp_path / "v/pipe")
    os.mkfifo(tmp_path / "v/pipe.mp4")
    found = below(tmp_path / "v")
    assert named(found).keys() == {"local/good"}
    assert "left out: 2 not a file" in found.summary
    with pytest.raises(ConfigurationError, match="found a pipe or device"):
        local_files([str(tmp_path / "v/pipe.mp4")], Selection(), BUCKET)


def test_all_collisions_are_named_at_once(clip: Path, tmp_path: Path) -> None:
    put(clip, tmp_path, "a.mp4", "a.mov", "b/c.mp4", "b--c.mp4", "d.mp4")
    with pytest.raises(ConfigurationError) as caught:
        below(tmp_path)
    said = str(caught.value)
    assert "local/a: " in said
    assert "local/b--c: " in said
    assert "local/d" not in said


def test_a_file_that_vanishes_is_left_out(
    clip: Path, tmp_path: Path, storage: StorageSettings
) -> None:
    put(clip, tmp_path / "v", "a.mp4", "b.mp4")
    found = below(tmp_path / "v")
    (tmp_path / "v/a.mp4").unlink()
    items = copied(found, Store(storage), BUCKET, lambda _: None)
    assert items == [{"platform": "local", "code": "b"}]
    assert [(one.reason, Path(one.file).name) for one in found.faults] == [("unreadable", "a.mp4")]


def test_no_file_takes_the_place_of_another(
    clip: Path, tmp_path: Path, storage: StorageSettings
) -> None:
    """Two phones count from 1: the second folder must not replace the first one's videos."""
    put(
        clip, tmp_path, "one/IMG_1.mp4", "two/IMG_1.mp4", "two/IMG_2.mp4", "laid/tiktok/x/video.mp4"
    )
    longer = numbered_video(tmp_path / "two/IMG_1.mp4", [0.0, 0.1], 160, 90)
    store = Store(storage)

    def taken(folder: str, **options: bool) -> list[str]:
        found = below(tmp_path / folder)
        return [one["code"] for one in copied(found, store, BUCKET, lambda _: None, **options)]

    assert taken("one") == taken("one") == ["IMG_1"]
    with pytest.raises(ConfigurationError, match=r"two/IMG_1.mp4 as local/IMG_1.*--replace"):
        taken("two")
    assert not store.exists(f"s3://{BUCKET}/local/IMG_2/video.mp4"), "nothing was copied"
    assert taken("two", replace=True) == ["IMG_1", "IMG_2"]
    assert store.head(f"s3://{BUCKET}/local/IMG_1/video.mp4").size == longer.stat().st_size
    # What is laid out names the video by itself, so another file is its new version.
    assert taken("laid") == ["x"]
    shutil.copy(longer, tmp_path / "laid/tiktok/x/video.mp4")
    assert taken("laid") == ["x"]


def test_a_large_file_that_went_up_in_parts_is_known_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.stores.objects import Stored
    from workflows.intake import copies
    from workflows.intake.files import LocalVideo

    monkeypatch.setattr(copies, "PART_BYTES", 4)
    (tmp_path / "v.mp4").write_bytes(b"abcdefghij")
    video = LocalVideo("local", "v", tmp_path / "v.mp4")
    # As S3 computes it: the MD5 of the parts' MD5s, and how many there are.
    etag = "446feba4c1b5cc7ad93bf4d44a0e36ac-3"

    class Kept:
        def head(self, uri: str) -> Stored:
            return Stored(uri, 10, etag, None)  # type: ignore[arg-type]

    found = LocalFiles(videos=[video])
    ((_, standing),) = copies.judged(found, Kept(), BUCKET)  # type: ignore[arg-type]
    assert standing == copies.Standing.SAME


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("v.mp4", []), ("v.mov", []), ("v.3gp", ["-an", "-s", "176x144", "-c:v", "h263"]),
        ("v.mkv", []), ("v.webm", ["-c:v", "libvpx"]), ("v.avi", ["-c:v", "mpeg4"]), ("v.ts", []),
        ("v.m2ts", []), ("v.flv", []), ("v.mpg", ["-c:v", "mpeg2video"]), ("v.gif", []),
        ("v.ogv", ["-c:v", "libtheora"]), ("v.wmv", ["-c:v", "wmv2"]),
    ],
)  # fmt: skip
def test_containers_are_known_by_their_content(
    clip: Path, tmp_path: Path, name: str, options: list[str]
) -> None:
    ffmpeg("-i", clip, "-r", 25, "-an", *options, tmp_path / name)
    (tmp_path / name).rename(tmp_path / "file")
    assert looks_like_video(tmp_path / "file")


@pytest.mark.parametrize(
    "content",
    [b"", b"text", b"\0\0\0\x18ftypM4A ", b"\0\0\0\x18ftypheic", b"\x7fELF" * 200],
)
def test_other_files_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert not looks_like_video(tmp_path / "file")


def test_arguments_are_checked_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text('[{"platform": "..", "code": "x"}]')
    for arguments, said in (
        (["nosuch.mp4"], "nosuch.mp4: no such file"),
        (["--job-input", tmp_path / "job.json"], "platform '..'"),
        (["--catch-up", "s3://b/", "--from", "ledger"], "source is to be listed"),
        (["s3://b/", "--include", "*.mp4"], "--include and --exclude choose among local files"),
    ):
        code, output = invoked("run", *arguments, data=tmp_path / "data", CLIP_MODEL=PACKAGED)
        assert (code, said in output) == (78, True), output
    assert not (tmp_path / "data").exists()
    with pytest.raises(ConfigurationError, match="JOB_INPUT"):
        given([], None, Settings.load().having("plan", job_input="{"))


def test_plan_shows_a_folder_before_anything_is_copied(clip: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    put(clip, tmp_path / "v", "a.mp4", "sub/b.mp4", "wait...what.mp4")
    (tmp_path / "v/notes.txt").write_text("x")
    done = oriane_here("plan", tmp_path / "v", "--json", env=environment(data))
    report = json.loads(done.stdout)
    assert report["why"] == {"new": 2}
    assert [one["video"] for one in report["due"]] == ["local/a", "local/sub--b"]
    assert [(Path(one["file"]).name, one["reason"]) for one in report["left_out"]] == [
        ("wait...what.mp4", "bad_name")
    ]
    assert "taken: 2 local; left out: 1 .txt, 1 bad_name" in done.stderr
    assert "wait...what.mp4: bad_name" in done.stderr
    assert list((data / "s3" / BUCKET).iterdir()) == []
    other = data / "s3" / BUCKET / "local/a/video.mp4"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"another one")
    done = oriane_here("plan", tmp_path / "v", env=environment(data))
    assert f"a run refuses {tmp_path / 'v/a.mp4'} as local/a" in done.stderr
    assert "1 changed, 1 new" in done.stdout
    assert "objects are not" not in done.stdout, "what was left out is said once"


def test_a_run_reports_what_it_left_out(clip: Path, tmp_path: Path) -> None:
    put(clip, tmp_path / "v", "wait...what.mp4")
    (tmp_path / "v/none.mp4").write_text("no video at all")
    code, said = invoked(
        "run", tmp_path / "v", "--json", data=tmp_path / "data", CLIP_MODEL=PACKAGED
    )
    assert code == 0
    report = json.loads(said)
    assert [one["reason"] for one in report["left_out"]] == ["bad_name"]
    assert [one["code"] for one in report["videos"]] == ["none"]
