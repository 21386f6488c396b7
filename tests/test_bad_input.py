"""Every kind of bad video is rejected under its own reason, and the rest of the shard goes on."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import inotify_simple
import numpy as np
import pytest

from components.errors import ConfigurationError
from components.pipeline import VIDEO_PHASES, component
from components.plan.job_input import given_videos, named_video
from components.records.videos import FramedVideo, Video
from components.running.decoders import Decoders
from components.running.phase import run
from tests.clips import ffmpeg, numbered_picture, numbered_video, write_pictures
from tests.conftest import Corpus

pytestmark = pytest.mark.slow

SECONDS = [number / 30 for number in range(60)]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 2 s whose index comes last, as encoders write it."""
    return numbered_video(tmp_path_factory.mktemp("good") / "good.mp4", SECONDS)


def cut_short(path: Path) -> bytes:
    content = path.read_bytes()
    return content[: len(content) * 6 // 10]


def with_index_first(good: Path, tmp_path: Path) -> bytes:
    target = tmp_path / "faststart.mp4"
    ffmpeg("-i", good, "-c", "copy", "-movflags", "faststart", target)
    return cut_short(target)


def matroska(good: Path, tmp_path: Path) -> bytes:
    target = tmp_path / "long.mkv"
    ffmpeg("-stream_loop", 5, "-i", good, "-c", "copy", target)
    return cut_short(target)


def sound_only(good: Path, tmp_path: Path) -> bytes:
    target = tmp_path / "sound.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=2", target)
    return target.read_bytes()


def sound_with_cover(good: Path, tmp_path: Path) -> bytes:
    cover, target = tmp_path / "cover.png", tmp_path / "cover.mp4"
    ffmpeg("-i", good, "-frames:v", 1, cover)
    sound = ["-f", "lavfi", "-i", "sine=duration=2", "-i", cover, "-map", 0, "-map", 1]
    ffmpeg(*sound, "-c:v", "png", "-disposition:v", "attached_pic", target)
    return target.read_bytes()


def huge(good: Path, tmp_path: Path) -> bytes:
    target = tmp_path / "huge.avi"
    ffmpeg("-f", "lavfi", "-i", "color=s=12000x8000:d=0.04", "-c:v", "mjpeg", target)
    return target.read_bytes()


def lossless(good: Path, tmp_path: Path) -> bytes:
    target = tmp_path / "lossless.mkv"
    ffmpeg("-i", good, "-c:v", "magicyuv", target)
    return target.read_bytes()


def endless(good: Path, tmp_path: Path) -> bytes:
    target = tmp_path / "endless.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:r=1/100:d=20000", target)
    return target.read_bytes()


def damaged(good: Path, tmp_path: Path) -> bytes:
    """Every coded picture overwritten, the index intact."""
    target = tmp_path / "faststart.mp4"
    ffmpeg("-i", good, "-c", "copy", "-movflags", "faststart", target)
    content = bytearray(target.read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = np.random.default_rng(0).bytes(len(content) - start)
    return bytes(content)


def one_colour(good: Path, tmp_path: Path) -> bytes:
    target = tmp_path / "blue.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=blue:s=64x64:d=2", target)
    return target.read_bytes()


Maker = Callable[[Path, Path], bytes]
REJECTED: dict[str, tuple[str, Maker]] = {
    "zero bytes": ("empty", lambda good, tmp_path: b""),
    "text": ("not_a_video", lambda good, tmp_path: b"hello, this is no video\n" * 40),
    "truncated, index last": ("truncated", lambda good, tmp_path: cut_short(good)),
    "truncated, index first": ("truncated", with_index_first),
    "truncated matroska": ("truncated", matroska),
    "first bytes only": ("truncated", lambda good, tmp_path: good.read_bytes()[:40]),
    "sound only": ("no_video_stream", sound_only),
    "sound with cover": ("no_video_stream", sound_with_cover),
    "hls playlist": ("playlist", lambda good, tmp_path: b"#EXTM3U\n#EXTINF:2,\n/etc/hosts\n"),
    "ffconcat script": ("playlist", lambda good, tmp_path: b"ffconcat version 1.0\nfile a.mp4\n"),
    "12000x8000": ("too_large", huge),
    "5.5 hours": ("too_long", endless),
    "damaged": ("undecodable", damaged),
    "a codec that no app writes": ("unsupported_codec", lossless),
    "one colour": ("blank", one_colour),
}


def test_each_kind_has_its_reason_and_the_others_go_on(
    good: Path, tmp_path: Path, corpus: Corpus
) -> None:
    expected = {}
    for kind, (reason, make) in REJECTED.items():
        corpus.add(make(good, tmp_path), kind)
        expected[kind] = reason
    corpus.videos.append(Video(platform="local", code="gone", source="s3://oriane-contents/gone"))
    expected["gone"] = "missing"
    corpus.add(good, "good")
    found = {}
    for entry in corpus.through("fetch", "crop", "frame"):
        if entry.problem:
            assert entry.problem.kind == "rejected"
            assert len(entry.problem.message) > 20
            found[entry.video.code] = entry.problem.reason
        else:
            assert entry.video.code == "good"
            assert isinstance(entry.result, FramedVideo)
            assert len(entry.result.frames) >= 3
    assert found == expected


def test_a_rejection_is_remembered_until_a_limit_changes(good: Path, corpus: Corpus) -> None:
    corpus.add(good, "good")
    services = corpus.services
    services.settings = services.settings.having("limits", max_pixels=1000)
    for _ in range(2):
        (entry,) = corpus.through("fetch")
        assert entry.problem
        assert entry.problem.reason == "too_large"
    services.settings = services.settings.having("limits", max_pixels=10**6)
    (entry,) = corpus.through("fetch")
    assert entry.problem is None


def test_a_decoder_can_be_allowed_and_forbidden(good: Path, tmp_path: Path, corpus: Corpus) -> None:
    corpus.add(lossless(good, tmp_path), "lossless")
    corpus.add(good, "good")
    services = corpus.services
    services.settings = services.settings.having("limits", decoders="magicyuv")
    pool = Decoders(2, services.settings.limits)
    services._shared = pool  # type: ignore[attr-defined]
    lossless_entry, good_entry = corpus.through("fetch", "crop", "frame")
    assert lossless_entry.problem is None
    assert good_entry.problem
    assert good_entry.problem.reason == "unsupported_codec"
    assert "h264" in good_entry.problem.message


def test_too_many_bytes(good: Path, corpus: Corpus) -> None:
    corpus.add(bytes(1_500_000), "big")
    services = corpus.services
    services.settings = services.settings.having("limits", max_video_mb=1)
    (entry,) = corpus.through("fetch")
    assert entry.problem
    assert entry.problem.reason == "too_many_bytes"


@pytest.mark.parametrize("script", ["hls", "concat", "dash", "hls url", "concat url"])
def test_no_script_opens_a_file_or_a_connection(
    good: Path, tmp_path: Path, corpus: Corpus, script: str
) -> None:
    """Seen from outside: the kernel reports no open of the bait, the server no connection."""
    bait = tmp_path / "bait.mp4"
    bait.write_bytes(good.read_bytes())
    with closing(socket.socket()) as server, closing(inotify_simple.INotify()) as watch:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.1)
        watch.add_watch(bait, inotify_simple.flags.OPEN | inotify_simple.flags.ACCESS)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v.mp4"
        target = url if script.endswith("url") else f"file://{bait}"
        corpus.add(
            {
                "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n",
                "concat": f"ffconcat version 1.0\nfile '{target}'\n",
                "dash": f"<MPD><Period><BaseURL>{target}</BaseURL></Period></MPD>",
            }[script.split(maxsplit=1)[0]].encode(),
            "script",
        )
        (entry,) = corpus.through("fetch", "crop", "frame")
        assert entry.problem
        assert entry.problem.reason == "playlist"
        assert watch.read(timeout=100) == []
        with pytest.raises(TimeoutError):
            server.accept()


def test_the_bait_would_be_noticed(good: Path, tmp_path: Path) -> None:
    """The test above can fail: plain FFmpeg does follow the script."""
    from components.media.ffmpeg import program

    bait, script = tmp_path / "bait.mp4", tmp_path / "script.mp4"
    bait.write_bytes(good.read_bytes())
    script.write_text(f"ffconcat version 1.0\nfile '{bait}'\n")
    with closing(inotify_simple.INotify()) as watch:
        watch.add_watch(bait, inotify_simple.flags.OPEN)
        os.spawnv(
            os.P_WAIT,
            program(),
            ["ffmpeg", "-v", "quiet", "-safe", "0", "-i", str(script), "-f", "null", "-"],
        )
        assert watch.read(timeout=100)


def odd_size(tmp_path: Path) -> Path:
    target = tmp_path / "odd.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=321x181:d=2", "-pix_fmt", "yuv444p", target)
    return target


def ten_bit(tmp_path: Path) -> Path:
    target = tmp_path / "ten.mp4"
    hevc = ["-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le"]
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=320x180:d=2", *hevc, target)
    return target


def one_frame(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "one.mp4", [numbered_picture(5, 320, 180)], [0.0])


def tiny(tmp_path: Path) -> Path:
    target = tmp_path / "tiny.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=16x16:d=1", target)
    return target


def webm(tmp_path: Path) -> Path:
    target = tmp_path / "v.webm"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=160x120:d=1", "-c:v", "libvpx-vp9", target)
    return target


def avi(tmp_path: Path) -> Path:
    target = tmp_path / "v.avi"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=160x120:d=1", "-c:v", "mpeg4", "-bf", 2, target)
    return target


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (odd_size, (321, 181)),
        (ten_bit, (320, 180)),
        (one_frame, (320, 180)),
        (tiny, (16, 16)),
        (webm, (160, 120)),
        (avi, (160, 120)),
    ],
)
def test_unusual_videos_are_done(
    tmp_path: Path, corpus: Corpus, make: Callable[[Path], Path], size: tuple[int, int]
) -> None:
    corpus.add(make(tmp_path), "odd")
    (entry,) = corpus.through("fetch", "crop", "frame", "dedup")
    assert entry.problem is None
    assert isinstance(entry.result, FramedVideo)
    source = entry.result.cropped.source
    assert (source.width, source.height) == size
    assert entry.result.frames


@pytest.mark.parametrize(
    "name", ["a/b", "..", "a..b", "", "a\nb", "\x1b[2J", "x" * 256, ".", "a\\b"]
)
@pytest.mark.parametrize("field", ["platform", "code"])
def test_unsafe_names_are_refused_with_the_value(name: str, field: str) -> None:
    values = {"platform": "instagram", "code": "abc", field: name}
    with pytest.raises(ConfigurationError) as caught:
        named_video(values["platform"], values["code"], "videos", "somewhere")
    assert repr(name)[:40] in str(caught.value)
    assert field in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"platform": "a"}',
        '[{"platform": "a"}]',
        '["a"]',
        '[{"platform": 1, "code": "b"}]',
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        "[" * 900 + "]" * 900,
        f"[{'9' * 5000}]",
        r'[{"platform": "a", "code": "\ud800"}]',
        '{"platform": "a", "code": "b"}',
        '[[{"platform": "a", "code": "b"}]]',
        '[{"platform": {"platform": "a", "code": "b"}, "code": "c"}]',
        r'["a\u0000b"]',
        r'[{"platform": "a\u0000b", "code": "c"}]',
        '[{"platform": "a", "code": "b"}, {"platform": "a", "code": ""}]',
    ],
    ids=lambda text: text[:12],
)
def test_job_input_that_is_none_says_what_is_wrong(text: str) -> None:
    with pytest.raises(ConfigurationError, match="JOB_INPUT"):
        list(given_videos(text, "videos"))


def test_job_input_names_what_it_found() -> None:
    for text, said in (
        ('[{"platform": "a", "code": "b"}, {"platform": "a", "code": ".."}]', "item 1: code '..'"),
        (
            '[[{"platform": "a", "code": "b"}]]',
            r'item 0: .*found \[{"platform": "a", "code": "b"}\]',
        ),
        ('{"platform": "a", "code": "b"}', "expected a list, found dict"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            list(given_videos(text, "videos"))


def test_job_input_takes_each_video_once_in_order() -> None:
    items = [
        {"code": "é", "platform": "b", "of": {"platform": "x", "code": "y"}},
        {"platform": "a", "code": "c"},
        {"platform": "b", "code": "é"},
    ]
    found = [str(video) for video in given_videos(json.dumps(items), "videos")]
    assert found == ["b/é", "a/c"]


def test_job_input_in_s3_that_is_not_utf_8(corpus: Corpus) -> None:
    corpus.services.store.put(
        "s3://oriane-contents/jobs.json", b'["caf\xe9"]', content_type="text/plain"
    )
    plan = component("plan")
    inputs = plan.inputs(job_input="s3://oriane-contents/jobs.json")
    with pytest.raises(ConfigurationError, match=r"jobs\.json is not UTF-8.*0xe9"):
        run(plan, inputs, corpus.services)


def test_names_that_differ_in_unicode_form_only_are_two_videos(
    good: Path, corpus: Corpus, caplog: pytest.LogCaptureFixture
) -> None:
    """To the eye they are one: é as a letter of its own, and as e with an accent."""
    codes = {"caf\xe9", "cafe\u0301"}
    for code in codes:
        corpus.add(good, code)
    entries = corpus.through(*VIDEO_PHASES)
    assert {entry.video.code for entry in entries if not entry.problem} == codes
    settings, store = corpus.services.settings, corpus.services.store
    frames = [one.uri for one in store.objects(f"s3://{settings.storage.frames_bucket}/local/")]
    for code in codes:
        assert sum(f"/local/{code}/" in uri for uri in frames) >= 4, "frames and a done marker"
    points = sum(len(entry.result.indexed.framed.frames) for entry in entries)
    assert len(list(corpus.services.collection.points())) == points
    plan = component("plan")
    run(plan, plan.inputs(source="s3://oriane-contents/"), corpus.services)
    assert r"local/caf\xe9 and local/cafe\u0301" in caplog.text


def test_a_black_video_that_is_wanted_is_kept(tmp_path: Path, corpus: Corpus) -> None:
    """As the rejection says: VP_SOLID_STD=0."""
    ffmpeg("-f", "lavfi", "-i", "color=black:s=64x64:d=2", tmp_path / "black.mp4")
    corpus.add(tmp_path / "black.mp4")
    (entry,) = corpus.through("fetch", "crop", "frame")
    assert entry.problem
    assert entry.problem.reason == "blank"
    assert "VP_SOLID_STD=0 keeps" in entry.problem.message
    corpus.services.settings = corpus.services.settings.having("frame", solid_std=0.0)
    (entry,) = corpus.through("fetch", "crop", "frame")
    assert isinstance(entry.result, FramedVideo)
    assert len(entry.result.frames) == 3


def test_job_input_names_each_video_once() -> None:
    text = '[{"platform": "a", "code": "b"}, {"platform": "a", "code": "b", "extra": 1}]'
    (video,) = given_videos(text, "videos")
    assert video.source == "s3://videos/a/b/video.mp4"
