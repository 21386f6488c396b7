"""Hostile code in a decoder reaches nothing, and nothing of what it answers is believed."""

from __future__ import annotations

import json
import math
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import av
import pytest
from pydantic import TypeAdapter

from components.errors import ConfigurationError, Reason, TransientError, VideoRejectedError
from components.pipeline import component
from components.records.videos import PublishedVideo, Rectangle
from components.running import decoders
from components.running.answers import value_of
from components.running.calibration import calibrate_pod
from components.running.decoders import Access, Decoders
from components.running.wardens import unconfined_parts
from components.settings import LimitSettings
from tests.clips import numbered_video
from tests.conftest import Corpus
from tests.escapes import ATTEMPTS, OPEN_TO_ALL, Outside, try_them
from tests.hostile_tasks import (
    ask_for_nonsense,
    ask_for_two_programs,
    call_otherwise,
    end_the_warden,
    fill,
    leave_a_process,
    put_a_link,
    put_a_pipe,
    put_nothing,
    say,
    wait_for_ever,
)
from tests.phases import through

pytestmark = pytest.mark.slow

LIMITS = LimitSettings(VP_MAX_WRITTEN_MB=1000, VP_DECODE_MEMORY_MB=1024)


@pytest.fixture
def pool() -> Iterator[Decoders]:
    pool = Decoders(1, LIMITS)
    yield pool
    pool.close()


def tried(folder: Path, pool: Decoders, names: list[str]) -> dict[str, str]:
    """Try to escape from one worker; return what came of each attempt."""
    outside = Outside(folder, os.getpid(), Path.home())
    outside.lay_out()
    access = Access(outside.source, (outside.output,))
    return pool.call(access, try_them, folder, os.getpid(), Path.home(), names)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    if missing := unconfined_parts():
        pytest.skip(f"this machine has no {missing}")
    pool = Decoders(1, LIMITS, "require")
    return tried(tmp_path_factory.mktemp("confined"), pool, list(ATTEMPTS))


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_hostile_code_gets_nothing(outcomes: dict[str, str], attempt: str) -> None:
    assert outcomes[attempt].startswith("refused: "), outcomes[attempt]


def test_the_attempts_are_documented() -> None:
    text = (Path(__file__).parent.parent / "docs" / "security.md").read_text()
    listed = text.split("<!-- attempts -->")[1].split("<!-- end of attempts -->")[0]
    assert " ".join(listed.split()).split("; ") == list(ATTEMPTS)


def test_the_attempts_can_succeed(tmp_path: Path) -> None:
    """The test above can fail: unconfined, the same code gets what it is after."""
    found = tried(tmp_path, Decoders(1, LIMITS, "off"), list(OPEN_TO_ALL))
    assert {name for name in OPEN_TO_ALL if found[name].startswith("got ")} == {*OPEN_TO_ALL}


class Payload:
    """Pickled, it makes a file where it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def answer(value: object, messages: Sequence[str] = (), spans: Sequence[object] = ()) -> bytes:
    said = {"value": json.dumps(value), "messages": list(messages), "spans": list(spans)}
    return json.dumps(said).encode()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"[" * 100_000,
        answer("text"),
        answer({"x": 0, "y": 0, "width": "wide", "height": 1}),
        answer({"x": 0, "y": 0, "width": 1, "height": 1, "more": 1}),
        json.dumps({"rejected": ["no such reason", "x"], "messages": [], "spans": []}).encode(),
        json.dumps({"rejected": ["blank", "x" * 10_000], "messages": [], "spans": []}).encode(),
        answer({"x": 1, "y": 2, "width": 3, "height": 4}, messages=["a line of the log"] * 100),
        answer({"x": 1, "y": 2, "width": 3, "height": 4}, messages=["x" * 10_000]),
        answer({"x": 1, "y": 2, "width": 3, "height": 4}, spans=[{}] * 10_000),
        b'{"messages": [], "spans": [], "fault": {"kind": "internal", "errno": '
        + b"1" * 10**6
        + b"}}",
    ],
    ids=range(14),
)
def test_an_answer_of_another_kind_is_a_crash(pool: Decoders, said: bytes) -> None:
    with pytest.raises(VideoRejectedError) as caught:
        pool.call(Access(), say, said)
    assert caught.value.reason == Reason.DECODER_CRASHED


def test_a_pickle_is_never_read(pool: Decoders, tmp_path: Path) -> None:
    said = pickle.dumps(Payload(tmp_path / "ran"))
    with pytest.raises(VideoRejectedError, match="something that is not an answer"):
        pool.call(Access(), say, said)
    assert not (tmp_path / "ran").exists()
    pickle.loads(said)
    assert (tmp_path / "ran").exists(), "it would have run"


def test_an_endless_answer_ends(pool: Decoders) -> None:
    with pytest.raises(VideoRejectedError, match="more than any video"):
        pool.call(Access(), say, bytes(2**16), 2**30)


def test_who_says_too_little_and_too_much_leaves_no_line(
    pool: Decoders, caplog: pytest.LogCaptureFixture
) -> None:
    said = answer({"x": 1, "y": 2, "width": 3, "height": 4}, messages=["forged"] * 100)
    with pytest.raises(VideoRejectedError):
        pool.call(Access(), say, said)
    assert "forged" not in caplog.text


LIES: dict[str, tuple[str, dict[str, object]]] = {
    "start": ("probe", {"start": math.nan}),
    "aspect": ("probe", {"pixel_aspect": math.inf}),
    "aspect below 0": ("probe", {"pixel_aspect": -1.0}),
    "duration": ("probe", {"duration": math.nan}),
    "long duration": ("probe", {"duration": 1e9}),
    "long side": ("probe", {"width": 30_000, "height": 1}),
    "sides below 0": ("probe", {"width": -4, "height": -4}),
    "long name": ("probe", {"codec": "x" * 10**6}),
    "line in a name": ("probe", {"chosen": "a line\nand another"}),
    "packets": ("probe", {"packets": 10**30}),
    "stream": ("probe", {"stream": -1}),
    "rectangle beside": ("find_picture", {"x": -2, "y": 0, "width": 100, "height": 50}),
    "rectangle around": ("find_picture", {"x": 0, "y": 0, "width": 10**9, "height": 50}),
    "rectangle of nothing": ("find_picture", {"x": 0, "y": 0, "width": 0, "height": 0}),
    "scene's start": ("extract", {"frames/scene_start": math.nan}),
    "scene's end": ("extract", {"frames/scene_end": math.inf}),
    "second": ("extract", {"frames/second": -1.0}),
    "number": ("extract", {"frames/number": 10**30}),
    "sketch": ("extract", {"frames/sketch": "no sketch"}),
    "no MD5": ("extract", {"frames/md5": "no MD5"}),
    "another MD5": ("extract", {"frames/md5": "0" * 32}),
    "width": ("extract", {"frames/width": 8}),
    "lost packets": ("extract", {"lost_packets": 10**30}),
    "another rectangle": ("extract", {"rectangle": {"x": 0, "y": 0, "width": 8, "height": 8}}),
    # No lie: what else a worker does not decide.
    "age": ("probe", {"modified": "1970-01-01T00:00:00+00:00", "bytes": 1, "etag": "another"}),
    "none": ("", {}),
}


class Liars(Decoders):
    """Workers that answer as hostile code may, each for the video of its name: fitting, wrong."""

    def call(self, access: Access, function: Any, *args: Any, **kwargs: Any) -> Any:
        value = super().call(access, function, *args, **kwargs)
        code = next(code for code in LIES if f"code={code!r}," in repr(args))
        lies, lie = LIES[code]
        if function.__name__ != lies:
            return value
        kind = get_type_hints(function)["return"]
        said: dict[str, Any] = json.loads(TypeAdapter(kind).dump_json(value)) or {}
        for name, wrong in lie.items():
            within, _, field = name.rpartition("/")
            for record in said[within] if within else [said]:
                record[field] = wrong
        return value_of(answer(said), kind, LIMITS)


def test_a_lie_costs_its_own_video_alone(tmp_path: Path, corpus: Corpus) -> None:
    """All in one shard: NaN would become null in its manifest, which nobody can read then."""
    clip = numbered_video(tmp_path / "clip.mp4", [number / 10 for number in range(5)], 160, 90)
    videos = {code: corpus.add(clip, code) for code in LIES}
    corpus.services._shared = Liars(2, LIMITS)  # type: ignore[attr-defined]
    entries = {entry.video.code: entry for entry in corpus.through(*through("upload"))}
    for code in ("age", "none"):
        honest = entries.pop(code).result
        assert isinstance(honest, PublishedVideo)
        stored = corpus.services.store.head(videos[code].source)
        source = honest.framed.cropped.source
        assert source.modified == stored.modified.isoformat()
        assert (source.bytes, source.etag) == (stored.size, stored.etag)
    # That one the worker may have told the truth of, and a disk have changed the picture since.
    told = entries.pop("another MD5").problem
    assert told is not None
    assert (told.kind, told.phase) == ("failed", "upload")
    believed = [code for code, entry in entries.items() if entry.problem is None]
    assert believed == []
    reasons = {entry.problem.reason for entry in entries.values() if entry.problem}
    assert reasons == {Reason.DECODER_CRASHED}


def test_a_fair_answer_arrives(pool: Decoders) -> None:
    said = answer({"x": 1, "y": 2, "width": 3, "height": 4})
    assert pool.call(Access(), say, said) == Rectangle(x=1, y=2, width=3, height=4)


@pytest.mark.parametrize("replace", [put_a_link, put_a_pipe, put_nothing])
def test_what_is_put_in_the_place_of_a_file_is_refused(tmp_path: Path, replace) -> None:  # type: ignore[no-untyped-def]
    """Also where nothing confines the worker, which could do no such thing otherwise."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    pool = Decoders(1, LIMITS, "off")
    output = tmp_path / "frames.tar"
    with pytest.raises(VideoRejectedError, match="its file"):
        pool.call(Access(writes=(output,)), replace, output, secret)


def test_a_file_that_grows_too_large_is_the_videos_fault(tmp_path: Path) -> None:
    pool = Decoders(1, LimitSettings(VP_MAX_WRITTEN_MB=3))
    output = tmp_path / "frames.tar"
    with pytest.raises(VideoRejectedError, match="VP_MAX_WRITTEN_MB=3") as caught:
        pool.call(Access(writes=(output,)), fill, output)
    assert caught.value.reason == Reason.TOO_MUCH_WRITTEN


def test_no_process_outlives_its_task() -> None:
    from tests.test_decoders import running

    assert Decoders(1, LIMITS, "off").call(Access(), leave_a_process)
    assert not running("63.25")


def test_no_request_ends_the_warden(pool: Decoders) -> None:
    assert pool.call(Access(), ask_for_nonsense)


def test_programs_are_started_one_at_a_time(pool: Decoders) -> None:
    assert pool.call(Access(), ask_for_two_programs) == "refused"


def test_nobody_waits_for_a_worker_whose_warden_is_gone(tmp_path: Path) -> None:
    note = tmp_path / "worker"
    try:
        with pytest.raises(TransientError, match="killed"):
            Decoders(1, LIMITS, "off").call(Access(), end_the_warden, note)
    finally:
        os.kill(int(note.read_text()), signal.SIGKILL)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="of x86_64")
@pytest.mark.parametrize(
    "code",
    [
        # mov eax, 20 (getpid); int 0x80; ret
        bytes.fromhex("b814000000cd80c3"),
        # mov eax, 0x40000027 (getpid of x32); syscall; ret
        bytes.fromhex("b8270000400f05c3"),
    ],
    ids=["32 bits", "x32"],
)
def test_calls_of_another_kind_are_not_let_through(code: bytes) -> None:
    """The filter's numbers mean other calls there."""
    if missing := unconfined_parts():
        pytest.skip(f"this machine has no {missing}")
    with pytest.raises(VideoRejectedError, match="SIGSYS"):
        Decoders(1, LIMITS, "require").call(Access(), call_otherwise, code)


NO_SECCOMP = """
import sys
from components.base.logs import recording
from components.base.run_names import run_name
from components.errors import PipelineError
from components.running.decoders import Access, Decoders
from components.settings import LimitSettings
with recording("INFO"):
    pool = Decoders(1, LimitSettings(), sys.argv[1])
    try:
        for _ in range(2):
            print(bool(pool.call(Access(), run_name)))
    except PipelineError as error:
        print(error)
        sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(
    ("sandboxing", "code", "shown", "warnings"),
    [
        ("best", 0, "True\nTrue\n", 1),
        ("off", 0, "True\nTrue\n", 0),
        ("require", ConfigurationError.exit_code, "VP_SANDBOX=require", 0),
    ],
)
def test_a_machine_that_cannot_confine_says_so(
    tmp_path: Path, sandboxing: str, code: int, shown: str, warnings: int
) -> None:
    """A machine without libseccomp, where pyseccomp refuses to be imported."""
    (tmp_path / "pyseccomp.py").write_text('raise RuntimeError("Unable to find libseccomp")')
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}
    command = [sys.executable, "-c", NO_SECCOMP, sandboxing]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == code, ended.stderr
    assert shown in ended.stdout
    assert ended.stderr.count("seccomp (the library libseccomp.so.2)") == warnings


PROBED = """
import sys
from pathlib import Path
import av
from components.fetch.probe import probe
from components.records.videos import Video
from components.running.decoders import Access, Decoders
from components.settings import LimitSettings
from components.stores.objects import Stored
from datetime import UTC, datetime

path = Path(sys.argv[1])
video = Video(platform="local", code="some", source="s3://videos/local/some/video.mp4")
stored = Stored(video.source, path.stat().st_size, "etag", datetime.now(UTC))
found = Decoders(1, LimitSettings()).call(Access(path), probe, path, video, stored, LimitSettings())
print(av.__file__, found.codec)
"""


def test_packages_in_a_folder_of_any_name_can_be_read(tmp_path: Path) -> None:
    """As pip --target makes it, for PYTHONPATH."""
    installed = Path(av.__file__).parents[1]
    (target := tmp_path / "libraries").mkdir()
    for package in [*installed.glob("av"), *installed.glob("av.libs"), *installed.glob("av-*")]:
        shutil.copytree(package, target / package.name, copy_function=os.link)
    (outside := tmp_path / "videos").mkdir()
    video = numbered_video(outside / "some.mp4", [0.0, 0.1])
    environment = {**os.environ, "PYTHONPATH": f"{target}:{Path.cwd()}"}
    command = [sys.executable, "-c", PROBED, video]
    shown = subprocess.check_output(command, env=environment, text=True)
    assert shown.split() == [str(target / "av/__init__.py"), "h264"]


def test_work_on_a_gpu_is_not_confined_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(decoders, "has_gpu", lambda: True)
    with pytest.raises(ConfigurationError, match="GPU"):
        Decoders(1, LIMITS, "require").call(Access(gpu=True), say, b"")
    fair = answer({"x": 1, "y": 2, "width": 3, "height": 4})
    pool = Decoders(1, LIMITS)
    assert pool.confined_parts() == {
        "landlock": not any("Landlock" in part for part in unconfined_parts()),
        "seccomp": not any("seccomp" in part for part in unconfined_parts()),
    }
    assert pool.call(Access(gpu=True), say, fair)
    assert "GPU" in caplog.text
    assert pool.confined_parts() == {"landlock": False, "seccomp": False}


def test_workers_that_are_ended_are_not_the_videos_fault(pool: Decoders) -> None:
    import threading

    timer = threading.Timer(0.5, pool.close)
    timer.start()
    with pytest.raises(TransientError, match="killed"):
        pool.call(Access(), wait_for_ever)


class LyingCalibrator(Decoders):
    """Workers that say something else of what they decoded than what they did."""

    lie: dict[str, float]

    def call(self, access: Access, function: Any, *args: Any, **kwargs: Any) -> Any:
        value = super().call(access, function, *args, **kwargs)
        said = value.model_dump() | self.lie
        return value_of(answer(said), type(value), LIMITS)


def test_a_machine_is_not_calibrated_by_a_lie(
    tmp_path: Path, corpus: Corpus, caplog: pytest.LogCaptureFixture
) -> None:
    """Every later run is compared with it, and a video that lies costs the run nothing."""
    clip = numbered_video(tmp_path / "clip.mp4", [number / 10 for number in range(5)], 160, 90)
    corpus.add(clip, "a")
    entries = corpus.through(*through("frame"))
    services, liars = corpus.services, LyingCalibrator(1, LIMITS)
    services.settings = services.settings.having("work", calibrate_after_s=0)
    services._shared = liars  # type: ignore[attr-defined]

    def calibrated(lie: dict[str, float]) -> bool:
        liars.lie = lie
        calibrate_pod(component("frame"), entries, services)
        return any(services.store.objects("s3://oriane-artifacts/machines/"))

    lies = [{"mpx": wrong} for wrong in (-1.0, 1e9, math.inf, math.nan)]
    lies += [{"cpu_s": wrong} for wrong in (0.0, -1.0, 60.0, math.nan)]
    assert [lie for lie in lies if calibrated(lie)] == []
    assert caplog.text.count("was not measured") == len(lies)
    assert calibrated({}), "what is no lie is kept"
