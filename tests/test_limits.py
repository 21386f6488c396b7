"""No video costs without bound: each limit has a reason, and the others of its shard go on."""

from __future__ import annotations

import io
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.encoders.batching import Task, embedded
from components.encoders.load import load_encoder
from components.encoders.lots import of_file
from components.errors import Reason, TransientError, VideoRejectedError
from components.fetch.claims import check_claims
from components.media.video import opened
from components.records.videos import FramedVideo
from components.running import budget
from components.running.decoders import Access, Decoders
from components.settings import EmbedSettings, LimitSettings
from tests.clips import ffmpeg, numbered_video
from tests.conftest import Corpus, source_of
from tests.decoder_tasks import spin, spin_deaf, write_to_a_full_disk
from tests.phases import through

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    return numbered_video(folder / "good.mp4", [number / 10 for number in range(40)])


def same(good: Path, tmp_path: Path) -> bytes:
    return good.read_bytes()


def narrow(good: Path, tmp_path: Path) -> bytes:
    target = tmp_path / "narrow.avi"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=17000x16:d=0.2", "-c:v", "mjpeg", target)
    return target.read_bytes()


def of_many_streams(good: Path, tmp_path: Path) -> bytes:
    target = tmp_path / "streams.mkv"
    ffmpeg("-i", good, *["-map", "0:v"] * 70, "-c", "copy", target)
    return target.read_bytes()


Maker = Callable[[Path, Path], bytes]


@pytest.mark.parametrize(
    ("make", "limits", "expected"),
    [
        (narrow, {}, ("too_large", "VP_MAX_SIDE")),
        (of_many_streams, {}, ("too_complex", "VP_MAX_STREAMS")),
        (same, {"max_samples": 39}, ("too_complex", "VP_MAX_SAMPLES")),
        (same, {"max_edits": 0}, ("too_complex", "VP_MAX_EDITS")),
        (same, {"max_frames": 3}, ("too_many_frames", "VP_MAX_FRAMES")),
    ],
)
def test_what_claims_to_be_too_much_is_rejected(
    good: Path,
    tmp_path: Path,
    corpus: Corpus,
    make: Maker,
    limits: dict[str, int],
    expected: tuple[str, str],
) -> None:
    corpus.services.settings = corpus.services.settings.having("limits", **limits)
    corpus.services.settings = corpus.services.settings.having("frame", sample_fps=2.0)
    corpus.add(make(good, tmp_path), "bad")
    (entry,) = corpus.through("fetch", "crop", "frame")
    assert entry.problem
    assert entry.problem.kind == "rejected"
    reason, named = expected
    assert entry.problem.reason == reason
    assert named in entry.problem.message


def test_frames_that_fill_the_disk_are_the_videos_fault(
    good: Path, tmp_path: Path, corpus: Corpus
) -> None:
    """Pictures that a few bytes of JPEG or H.264 stand for take megabytes as PNG."""
    target = tmp_path / "noise.mp4"
    noise = "nullsrc=s=1280x720:d=2,geq=random(1)*255:128:128"
    ffmpeg("-f", "lavfi", "-i", noise, "-crf", 40, "-preset", "ultrafast", target)
    corpus.add(target.read_bytes(), "noise")
    corpus.add(good, "good")
    services = corpus.services
    services.settings = services.settings.having("limits", max_written_mb=1)
    services.settings = services.settings.having("frame", min_frames=8)
    services._shared = Decoders(2, services.settings.limits)  # type: ignore[attr-defined]
    noise_entry, good_entry = corpus.through("fetch", "crop", "frame")
    assert noise_entry.problem
    assert noise_entry.problem.reason == "too_much_written"
    assert isinstance(good_entry.result, FramedVideo)


def test_edits_are_counted_in_what_no_decoder_has_read(good: Path, tmp_path: Path) -> None:
    """The count in the box, not the entries: a file need not hold what it promises."""
    content = bytearray(good.read_bytes())
    place = content.index(b"elst") + 8
    content[place : place + 4] = (2**31).to_bytes(4)
    hostile = tmp_path / "edits.mp4"
    hostile.write_bytes(content)
    with opened(good) as file:
        check_claims(file.container, good, LimitSettings())
        with pytest.raises(VideoRejectedError, match="2147483648 edits"):
            check_claims(file.container, hostile, LimitSettings())


def test_boxes_that_hold_each_other_for_ever_end(good: Path, tmp_path: Path) -> None:
    nested = b"".join((8 * (5000 - level)).to_bytes(4) + b"trak" for level in range(5000))
    hostile = tmp_path / "nested.mp4"
    hostile.write_bytes((16).to_bytes(4) + b"ftypisom" + bytes(4) + nested)
    with opened(good) as file:
        check_claims(file.container, hostile, LimitSettings())


@pytest.mark.parametrize("work", [spin, spin_deaf])
def test_cpu_time_is_bounded(work: Callable[[], None]) -> None:
    with pytest.raises(VideoRejectedError, match="VP_CPU_BASE_SECS") as caught:
        Decoders(1, LimitSettings()).call(Access(cpu_s=1), work)
    assert caught.value.reason == Reason.DECODER_TIMEOUT


def test_who_claims_little_gets_little(good: Path) -> None:
    limits, source = LimitSettings(), source_of(good)
    assert budget.to_probe(limits, 100_000) == 66
    assert budget.to_decode(limits, source) <= 66
    hours = source.model_copy(update={"duration": 7200.0, "width": 3840, "height": 2160})
    assert budget.to_decode(limits, hours) <= 66, "of a file of some kilobytes"
    assert budget.to_decode(limits, hours.model_copy(update={"bytes": 10**9})) > 60_000


def test_a_picture_of_an_absurd_shape_takes_no_absurd_memory(model: str) -> None:
    content = io.BytesIO()
    Image.fromarray(np.zeros((8, 65535, 3), np.uint8)).save(content, "PNG")
    encoder = load_encoder(EmbedSettings(CLIP_MODEL=model))
    task = Task("narrow", 1, lambda: iter([of_file(content.getvalue)]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (video,) = embedded([task], lambda: encoder, readers=1, ahead=1)
    assert video.error is None
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 500_000, "kilobytes"


def test_a_full_disk_is_named_and_is_not_the_videos_fault(
    good: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TransientError, match="no space left"):
        Decoders(1, LimitSettings(), "off").call(Access(), write_to_a_full_disk)
    corpus.add(good, "good")
    corpus.through(*through("dedup"))
    with monkeypatch.context() as patched:
        patched.setattr("components.embed.run.np.save", lambda *_, **__: write_to_a_full_disk())
        (entry,) = corpus.through(*through("embed"))
    assert entry.problem
    assert (entry.problem.kind, entry.problem.reason) == ("failed", "unavailable")
    assert "no space left" in entry.problem.message
    (entry,) = corpus.through(*through("embed"))
    assert entry.problem is None
