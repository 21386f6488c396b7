"""Each phase alone, as its container runs it: manifest in, outputs to files, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from components.__main__ import main
from components.pipeline import PHASES, component
from components.records.manifest import Entry, Manifest
from components.records.videos import Video
from components.settings import StorageSettings
from components.stores.s3 import Store
from tests.clips import numbered_video
from tests.commands import CLEAN

pytestmark = pytest.mark.slow


def run(*arguments: object, env: dict[str, str], code: int = 0) -> str:
    command = [sys.executable, "-m", "components", *map(str, arguments)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stderr


Here = Callable[..., str]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """What runs a component in this process, which is quicker."""

    def run_here(*arguments: object, env: dict[str, str], code: int = 0) -> str:
        with monkeypatch.context() as patched:
            for name, value in env.items():
                patched.setenv(name, value)
            ended = main([*map(str, arguments)])
        said = capsys.readouterr().err
        assert ended == code, said
        return said

    return run_here


@pytest.fixture
def env(storage: StorageSettings, tmp_path: Path, model: str) -> dict[str, str]:
    assert storage.secret_access_key
    return CLEAN | {
        "AWS_ENDPOINT_URL": str(storage.endpoint_url),
        "AWS_ACCESS_KEY_ID": str(storage.access_key_id),
        "AWS_SECRET_ACCESS_KEY": storage.secret_access_key.get_secret_value(),
        "QDRANT_URL": str(tmp_path / "qdrant"),
        "LOCAL_MODE": "1",
        "CLIP_MODEL": model,
        "VP_SCRATCH_DIR": str(tmp_path / "scratch"),
        "VP_CROP_OUTPUT": "video",
    }


def test_the_chain_of_phases(
    env: dict[str, str], storage: StorageSettings, tmp_path: Path, here: Here
) -> None:
    video = numbered_video(tmp_path / "v.mp4", [number / 10 for number in range(30)])
    store = Store(storage)
    store.put("s3://oriane-contents/a/one/video.mp4", video.read_bytes(), "video/mp4")
    store.put("s3://oriane-contents/a/two/video.mp4", b"no video", "video/mp4")
    out = tmp_path / "outputs"
    here(
        "plan", "--source", "s3://oriane-contents/", "--videos_per_shard", 2,
        "--out_shards", out / "shards", "--out_run", out / "deep/run", "--out_videos", out / "n",
        env=env,
    )  # fmt: skip
    (shard,) = json.loads((out / "shards").read_text())
    assert (out / "n").read_text() == "2"
    assert (out / "deep/run").read_text() in shard

    def phase(name: str, **inputs: str) -> str:
        flags = [item for key, value in inputs.items() for item in (f"--{key}", value)]
        target = out / name
        # One in a process of its own, as in its container.
        (run if name == "frame" else here)(
            name, *flags, "--out_manifest", target / "manifest", "--out_done", target / "done",
            "--out_rejected", target / "rejected", "--out_failed", target / "failed", env=env,
        )  # fmt: skip
        counts = [int((target / count).read_text()) for count in ("done", "rejected", "failed")]
        assert counts == [1, 1, 0]
        return (target / "manifest").read_text()

    manifest = shard
    for name in ("fetch", "crop", "frame", "dedup"):
        manifest = phase(name, manifest=manifest)
    published = phase("upload", manifest=manifest)
    embedded = phase("embed", manifest=manifest)
    indexed = phase("index", published=published, embedded=embedded)
    recorded = phase("record", manifest=indexed, run="r1")
    assert recorded == shard.replace("plan.jsonl", "record.jsonl")
    marker = json.loads(store.get("s3://oriane-frames/a/one/manifest.json"))
    assert marker["run"] == "r1"
    assert list((tmp_path / "scratch").iterdir()) == []


def test_exit_codes(env: dict[str, str], storage: StorageSettings, here: Here) -> None:
    missing = "s3://oriane-artifacts/runs/r/0/plan.jsonl"
    assert "no such manifest" in here("fetch", "--manifest", missing, env=env, code=65)
    Store(storage).put(missing, b'{"video": ', "application/jsonl")
    assert "line 1" in here("fetch", "--manifest", missing, env=env, code=65)
    wrong = {**env, "VP_MAX_PIXELS": "few"}
    assert "VP_MAX_PIXELS" in here("fetch", "--manifest", missing, env=wrong, code=78)
    assert "--manifest" in here("fetch", "--manifest", "/tmp/x", env=env, code=78)
    down = {**env, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "VP_S3_ATTEMPTS": "1"}
    told = here("fetch", "--manifest", missing, env=down, code=75)
    assert "http://127.0.0.1:9" in told
    assert env["AWS_SECRET_ACCESS_KEY"] not in told


def test_a_video_that_fails_ends_with_75_and_the_others_are_kept(
    env: dict[str, str], storage: StorageSettings, tmp_path: Path, here: Here
) -> None:
    """The manifest is written all the same: what is done is not lost, what failed is named."""
    video = numbered_video(tmp_path / "v.mp4", [number / 10 for number in range(10)])
    store = Store(storage)
    for code in ("one", "two"):
        store.put(f"s3://oriane-contents/a/{code}/video.mp4", video.read_bytes(), "video/mp4")
    out = tmp_path / "out"
    plan = ["plan", "--source", "s3://oriane-contents/", "--videos_per_shard", 2]
    here(*plan, "--out_shards", out / "shards", env=env)
    (shard,) = json.loads((out / "shards").read_text())
    here("fetch", "--manifest", shard, "--out_manifest", out / "fetched", env=env)
    store.delete("oriane-contents", ["a/two/video.mp4"])
    flags = ["--manifest", (out / "fetched").read_text(), "--out_manifest", out / "cropped"]
    told = here("crop", *flags, "--out_failed", out / "failed", env=env, code=75)
    assert "a/two" in told
    assert (out / "failed").read_text() == "1"
    assert '"one"' in store.get((out / "cropped").read_text()).decode()
    # The last try passes them on as failed, so that the others are finished.
    again = {**env, "VP_ATTEMPT": "2", "VP_LAST_ATTEMPT": "3"}
    here("crop", *flags, env=again, code=75)
    last = {**env, "VP_ATTEMPT": "3", "VP_LAST_ATTEMPT": "3"}
    assert "1 video failed for good" in here("crop", *flags, env=last, code=0)


def test_a_digest_that_fails_hands_its_counts_on(
    env: dict[str, str], storage: StorageSettings, tmp_path: Path, here: Here
) -> None:
    """Argo shows them to Prometheus, and the runs that fail are those to be seen."""
    video = Video(platform="a", code="one", source="s3://oriane-contents/a/one/video.mp4")
    planned = "s3://oriane-artifacts/runs/r/000000/plan.jsonl"
    Manifest[Video].write(Store(storage), planned, [Entry[Video](video=video, result=video)])
    counts = ["--out_videos", tmp_path / "videos", "--out_failed", tmp_path / "failed"]
    assert "1 of 1 videos failed" in here("digest", "--run", "r", *counts, env=env, code=1)
    assert (tmp_path / "videos").read_text() == (tmp_path / "failed").read_text() == "1"


@pytest.mark.parametrize("phase", PHASES)
def test_help_describes_every_flag(phase: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([phase, "--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    declared = component(phase)
    assert declared.purpose in shown
    assert f"example: python -m components {phase}" in shown
    for name in declared.inputs.model_fields:
        assert f"--{name}" in shown
    for name in declared.outputs.model_fields:
        assert f"--out_{name}" in shown


def test_an_unknown_phase_or_flag(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["transcribe"], ["crop"], ["crop", "--video", "x"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err
