"""`oriane run` and `oriane search`, as a user types them."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from components.errors import ConfigurationError, TransientError
from components.pipeline import VIDEO_PHASES
from components.settings import EmbedSettings, LedgerSettings, Settings
from components.stores.postgres.ledger import Ledger
from components.stores.vectors.edge.folder import FolderEngine
from components.stores.vectors.edge.requests import Answered, GetCatalogue, Request, Rows
from tests.clips import bordered_video, numbered_video
from tests.commands import environment, invoked, oriane, oriane_here, report, report_here
from workflows.intake.given import given
from workflows.local.indexed_model import with_model_of
from workflows.local.run import run_videos
from workflows.local.stand_ins import frame_location, with_stand_ins
from workflows.search.answer import Found
from workflows.search.ask import asking
from workflows.search.question import asked

pytestmark = pytest.mark.slow

PHASES = list(VIDEO_PHASES)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def in_data(data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the run, in which this process is."""
    monkeypatch.chdir(data)
    return data


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out <platform>/<code>/video.mp4."""
    root = tmp_path_factory.mktemp("clips")
    for name in ("instagram/numbers", "tiktok/boxed"):
        (root / name).mkdir(parents=True)
    numbered_video(root / "instagram/numbers/video.mp4", [number / 10 for number in range(80)])
    bars = (80, 80, 0, 0)
    bordered_video(root / "tiktok/boxed/video.mp4", inside=(320, 180), bars=bars, frames=45)
    return root


def by_code(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {video["code"]: video for video in result["videos"]}


def test_a_folder_from_end_to_end(data: Path, clips: Path, model: str) -> None:
    env = environment(data, CLIP_MODEL=model, PROFILE_JSON=data / "run.prof")
    result = report(clips, env=env)
    assert set(result) == {"run", "seconds", "videos", "left_out", "bill"}
    videos = by_code(result)
    assert set(videos) == {"numbers", "boxed"}
    boxed = videos["boxed"]
    assert set(boxed) == {
        "platform", "code", "status", "reason", "message", "duration", "crop", "frames",
        "duplicates_removed", "reused", "seconds",
    }  # fmt: skip
    assert (boxed["platform"], boxed["status"], boxed["reason"]) == ("tiktok", "done", None)
    assert boxed["duration"] == pytest.approx(1.5, abs=0.05)
    assert boxed["crop"]["y"] == pytest.approx(80, abs=2)
    assert boxed["crop"]["height"] == pytest.approx(180, abs=2)
    assert boxed["reused"] == []
    assert list(boxed["seconds"]) == PHASES
    for video in videos.values():
        for frame in video["frames"]:
            assert set(frame) == {"number", "second", "path", "scene_start", "scene_end"}
            with Image.open(data / "s3/oriane-frames" / frame["path"]) as png:
                assert png.height == (video["crop"]["height"] if video["crop"] else 180)
    marker = json.loads((data / "s3/oriane-frames/tiktok/boxed/manifest.json").read_text())
    assert marker["run"] == result["run"]
    assert [frame["path"] for frame in marker["frames"]] == [f["path"] for f in boxed["frames"]]
    assert list((data / "scratch").iterdir()) == []
    check_log(data, result["run"])
    check_trace(data / "run.prof")

    again = report_here(clips, env=environment(data, CLIP_MODEL=model))
    for video in again["videos"]:
        assert video["reused"] == PHASES
        assert video["frames"] == videos[video["code"]]["frames"]
        assert sum(video["seconds"].values()) == 0
    check_search_command(data, model)


def check_log(data: Path, run: str) -> None:
    lines = [json.loads(line) for line in (data / f"logs/{run}.jsonl").read_text().splitlines()]
    steps = [(line["video"], line["phase"]) for line in lines if "video" in line]
    assert len(steps) == len(set(steps)) == 2 * len(PHASES)
    assert all(line["seconds"] >= 0 and line["time"] for line in lines if "video" in line)


def check_trace(path: Path) -> None:
    events = json.loads(path.read_text())["traceEvents"]
    names = {event["name"] for event in events}
    assert {f"{phase}.run.run" for phase in [*PHASES, "plan"]} <= names
    assert {"fetch.probe.probe", "crop.detect.find_picture", "frame.extract.extract"} <= names
    assert len({event["pid"] for event in events}) >= 2, "workers are in it"
    assert all(event["ph"] == "X" and event["dur"] >= 0 for event in events)
    assert not path.with_name("run.prof.parts").exists()


def check_search_command(data: Path, model: str) -> None:
    """A picture of the index finds itself."""
    env = environment(data, CLIP_MODEL=model)
    path = next((data / "s3/oriane-frames/tiktok/boxed").glob("*.png"))
    hits = json.loads(oriane_here("search", "--image", path, "--frames", "--json", env=env).stdout)
    assert set(hits[0]) == {
        "score", "platform", "code", "second", "frame_number", "scene_start", "scene_end", "path",
        "location",
    }  # fmt: skip
    assert hits[0]["path"] == f"tiktok/boxed/{path.name}"
    assert Path(hits[0]["location"]).read_bytes() == path.read_bytes()
    printed = oriane("search", "--image", path, "--limit", 1, env=env).stdout
    *_, file = re.findall(r"\S+\.png", printed)
    assert (data / file).samefile(path), "what is printed can be opened from here"
    assert hits[0]["score"] == pytest.approx(1.0, abs=0.001)


@pytest.fixture
def here(data: Path, model: str) -> Settings:
    """Settings of a run in this process, which saves loading torch for each."""
    settings = Settings.load().having(
        "work", data_dir=data, scratch_dir=data / "scratch", stand_ins=True
    )
    return settings.having("embed", model=model)


def run_here(settings: Settings, *paths: object, **options: Any) -> dict[str, dict[str, Any]]:
    options = {"shards_in_flight": 2, **options}
    job_input, replace = options.pop("job_input", None), options.pop("replace", False)
    work = given([str(path) for path in paths], job_input, settings, replace=replace)
    return by_code(run_videos(settings, work, **options).model_dump(mode="json"))


def found(settings: Settings, text: str, **options: Any) -> list[Found]:
    with asking(with_stand_ins(settings)) as asker:
        return asker.frames(asked(texts=(text,), **options))


def test_changed_settings_redo_what_follows_and_nothing_before(here: Settings, clips: Path) -> None:
    first = run_here(here, clips)
    changes: dict[str, tuple[str, dict[str, Any]]] = {
        "dedup": ("dedup", {"tolerance": 64}),
        "frame": ("frame", {"sample_fps": 1.0}),
        "crop": ("crop", {"probes": 2}),
    }
    for phase, (group, values) in changes.items():
        changed = run_here(here.having(group, **values), clips)
        for video in changed.values():
            assert video["reused"] == PHASES[: PHASES.index(phase)], phase
            folder = here.work.data_dir / "s3/oriane-frames" / video["platform"] / video["code"]
            wanted = {frame["path"].rpartition("/")[2] for frame in video["frames"]}
            assert {path.name for path in folder.glob("*.png")} == wanted
    assert all(
        len(v["frames"]) < len(first[c]["frames"])
        for c, v in run_here(here.having("dedup", tolerance=64), clips).items()
    )
    off = run_here(here.having("crop", enabled=False).having("dedup", enabled=False), clips)
    for video in off.values():
        assert video["reused"] == ["fetch"]
        assert (video["crop"], video["duplicates_removed"]) == (None, 0)


def test_a_changed_source_is_done_anew(here: Settings, clips: Path) -> None:
    data = here.work.data_dir
    file = data / "clip.mp4"
    shutil.copy(clips / "tiktok/boxed/video.mp4", file)
    first = run_here(here, file)["clip"]
    assert first["platform"] == "local"
    shutil.copy(clips / "instagram/numbers/video.mp4", file)
    with pytest.raises(ConfigurationError, match=r"clip\.mp4 as local/clip: .*--replace"):
        run_here(here, file)
    second = run_here(here, file, replace=True)["clip"]
    assert second["reused"] == []
    wanted = {frame["path"].rpartition("/")[2] for frame in second["frames"]}
    assert {path.name for path in (data / "s3/oriane-frames/local/clip").glob("*.png")} == wanted
    hits = found(here, "numbers", limit=50)
    assert {hit.path.rpartition("/")[2] for hit in hits} == wanted


def test_with_postgres_a_run_leases_books_and_lets_go(
    here: Settings, tmp_path: Path, database: LedgerSettings
) -> None:
    """Files that are not videos are enough for that, and soon done."""
    for code in ("one", "two"):
        (tmp_path / f"{code}.mp4").write_text(code)
    here = replace(here, ledger=database)
    with closing(Ledger(database)) as ledger:
        ledger.lease([("local", "two")], "another run", 1)
        assert list(run_here(here, tmp_path / "one.mp4", tmp_path / "two.mp4")) == ["one"]
        ledger.release("another run")
        assert list(run_here(here, options={"catch_up": True})) == ["two"]
        assert ledger.leases() == []
        assert [one.state for one in ledger.bookings()] == ["rejected", "rejected"]
    down = database.model_copy(update={"port": 9, "host": "127.0.0.1"})
    with pytest.raises(TransientError, match="Postgres"):
        run_here(replace(here, ledger=down), tmp_path / "one.mp4")


def test_ways_to_name_videos(here: Settings, clips: Path, tmp_path: Path) -> None:
    everything = run_here(here, clips, videos_per_shard=2)
    bucket = run_here(here, "s3://oriane-contents/tiktok/")
    assert list(bucket) == ["boxed"]
    job = json.dumps([{"platform": "instagram", "code": "numbers"}])
    (tmp_path / "job.json").write_text(job)
    by_file = run_here(here, job_input=tmp_path / "job.json")
    by_variable = run_here(here.having("plan", job_input=job))
    assert list(by_file) == list(by_variable) == ["numbers"]
    for result in (bucket, by_file, by_variable):
        for code, video in result.items():
            assert video["reused"] == PHASES
            assert video["frames"] == everything[code]["frames"]


def test_rejected_videos_are_no_failure(data: Path, clips: Path, model: str) -> None:
    mixed = data / "mixed"
    mixed.mkdir()
    shutil.copy(clips / "tiktok/boxed/video.mp4", mixed / "good.mp4")
    (mixed / "bad.mp4").write_text("no video at all")
    done = oriane_here("run", mixed, env=environment(data, CLIP_MODEL=model))
    assert "local/bad" in done.stdout
    assert "rejected: not_a_video" in done.stdout
    assert "local/bad rejected: expected a video" in done.stderr
    assert "320x180" in done.stdout


def test_a_prefix_without_a_video_is_a_wrong_one(here: Settings, clips: Path) -> None:
    run_here(here, clips / "tiktok/boxed/video.mp4")
    with pytest.raises(ConfigurationError, match=r"contents/nothing/: nothing lies below"):
        run_here(here, "s3://oriane-contents/nothing/")
    loose = here.work.data_dir / "s3/oriane-contents/tiktok/loose.mov"
    loose.parent.mkdir()
    loose.write_text("of another layout")
    with pytest.raises(ConfigurationError, match=r"tiktok/loose\.mov, is <platform>.*PATTERN"):
        run_here(here, "s3://oriane-contents/tiktok/")


def test_search_before_anything_is_indexed(data: Path) -> None:
    told = oriane_here("search", "a cat", env=environment(data), code=78)
    assert "qdrant has no collection 'watched_frames'" in told.stderr


def test_search(here: Settings, clips: Path) -> None:
    run_here(here, clips)
    (hit,) = found(here, "cat", limit=1, platform="tiktok")
    assert hit.platform == "tiktok"
    assert found(here, "cat", limit=9, video="nothing") == []
    # Without CLIP_MODEL the collection says which model.
    assert found(replace(here, embed=EmbedSettings()), "cat", limit=1)


def test_a_hit_in_s3_is_an_address(here: Settings) -> None:
    elsewhere = here.having("storage", frames_bucket="frames")
    assert frame_location(elsewhere, "tiktok/v/3_0.10.png") == "s3://frames/tiktok/v/3_0.10.png"


def test_a_search_asks_the_store_twice_at_most(
    here: Settings, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What more it costs, a searcher waits for."""
    run_here(here, clips / "tiktok/boxed/video.mp4")
    asked_: list[str] = []
    ask = FolderEngine.ask

    def counting(engine: FolderEngine, request: Request, vectors: Rows = ()) -> Answered:
        if not isinstance(request, GetCatalogue):  # which is in memory
            asked_.append(type(request).__name__)
        return ask(engine, request, vectors)

    with asking(with_stand_ins(here)) as asker:
        asker.warm(pictures=False)
        monkeypatch.setattr(FolderEngine, "ask", counting)
        for ask_, most in ((asker.frames, 1), (asker.answer, 2)):
            asked_.clear()
            assert ask_(asked(texts=("cat",), limit=1, confidence=0))
            assert asked_ in (["Nearest"], ["Nearest", "Retrieve"])
            assert 1 <= len(asked_) <= most


def test_a_model_in_a_folder_is_one_that_only_clip_model_can_name(here: Settings) -> None:
    unset = replace(here, embed=EmbedSettings())
    with pytest.raises(ConfigurationError, match="model in a folder 'tiny-clip'"):
        with_model_of(unset, "tiny-clip@0123456789ab", lambda: 24)


def test_a_search_follows_the_collection_and_no_run_mixes_two_models(
    here: Settings, clips: Path, clip_model: Path
) -> None:
    run_here(here, clips)
    other = here.having("embed", model=str(clip_model))
    assert found(other, "cat", limit=3) == found(here, "cat", limit=3)
    with pytest.raises(ConfigurationError, match=r"packaged:conse.*tiny-clip@"):
        run_here(other, clips)


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["nosuch.mp4"], {}, "nosuch.mp4: no such file"),
        ([], {}, "--job-input"),
        (["s3://oriane-contents/", "x.mp4"], {}, "one s3:// prefix"),
        (["s3://elsewhere/x/"], {}, "no bucket 'elsewhere'"),
        (["."], {}, "found none"),
        ([], {"JOB_INPUT": '[{"platform": "..", "code": "a"}]'}, "platform '..'"),
        ([], {"JOB_INPUT": '[{"platform": "a", "code": "x/y"}]'}, "code 'x/y'"),
        (["clip.mp4"], {"VP_MIN_FRAMES": "none"}, "VP_MIN_FRAMES"),
        (["clip.mp4"], {"CLIP_MODEL": "/no/model"}, "CLIP_MODEL"),
        (["clip.mp4"], {"DB_HOST": "localhost"}, "DB_NAME"),
    ],
)
def test_wrong_use_exits_with_78_and_says_why(
    in_data: Path,
    clips: Path,
    model: str,
    arguments: list[str],
    variables: dict[str, str],
    message: str,
) -> None:
    if "clip.mp4" in arguments:
        shutil.copy(clips / "tiktok/boxed/video.mp4", in_data / "clip.mp4")
    variables = {"CLIP_MODEL": model, **variables}
    code, said = invoked("run", *arguments, "--json", data=in_data, **variables)
    assert code == 78
    assert message in said
    assert "{" not in said.partition(message)[0], "nothing is printed for a program"


S3_DOWN = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "hunter1",
    "AWS_SECRET_ACCESS_KEY": "hunter2",
    "VP_S3_ATTEMPTS": "2",
}
QDRANT_DOWN = {
    "QDRANT_URL": "http://127.0.0.1:9",
    "QDRANT_KEY": "hunter2",
    "VP_QDRANT_ATTEMPTS": "2",
}
POSTGRES_DOWN = {
    "DB_HOST": "127.0.0.1",
    "DB_PORT": "9",
    "DB_NAME": "ledger",
    "DB_USER": "oriane",
    "DB_PASSWORD": "hunter2",
    "VP_DB_ATTEMPTS": "2",
}


@pytest.mark.parametrize("down", [S3_DOWN, QDRANT_DOWN, POSTGRES_DOWN], ids=["s3", "qdrant", "pg"])
def test_an_unreachable_service_exits_with_75_and_is_named(
    data: Path, clips: Path, model: str, down: dict[str, str]
) -> None:
    code, said = invoked("run", clips, "--json", data=data, CLIP_MODEL=model, **down)
    assert code == 75
    assert "127.0.0.1:9" in said
    assert "hunter" not in said


def test_two_files_of_one_name(in_data: Path, clips: Path, model: str) -> None:
    for folder in ("one", "two"):
        (in_data / folder).mkdir()
        shutil.copy(clips / "tiktok/boxed/video.mp4", in_data / folder / "same.mp4")
    code, said = invoked("run", "one/same.mp4", "two/same.mp4", data=in_data, CLIP_MODEL=model)
    assert code == 78
    assert "local/same: one/same.mp4, two/same.mp4" in said
