"""What README and docs have one type works, in the order in which it stands there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.clips import numbered_video
from tests.commands import CLEAN, environment, invoked, oriane_here
from tests.deployment import copy
from tests.documents_as_typed import Typed, typed
from workflows.reference.tree import ROOT

pytestmark = pytest.mark.slow

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN_HERE = [page for page in PAGES if any(one.runs_here for one in typed(page))]


@pytest.fixture
def home(tmp_path: Path, deployment: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as a reader has it after the demonstration, with the files that the pages name.

    The collection holds the packaged model; CLIP_MODEL is not set, as nobody was told to set it.
    """
    copy(deployment, tmp_path / "data")
    clip = numbered_video(tmp_path / "clip.mp4", [number / 5 for number in range(8)], 160, 90)
    bucket = tmp_path / "data/s3/oriane-contents"
    for target in ("instagram/DKOic", "instagram/DKOicvaMxAb", "tiktok/one"):
        (bucket / target).mkdir(parents=True)
        shutil.copy(clip, bucket / target / "video.mp4")
    left = tmp_path / "data/s3/oriane-frames/instagram/DKOicvaMxAb/0_0.00.png"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"of a run that broke off")
    (tmp_path / "videos/youtube/two").mkdir(parents=True)
    shutil.copy(clip, tmp_path / "videos/youtube/two/video.mp4")
    (tmp_path / "job.json").write_text(json.dumps([{"platform": "instagram", "code": "DKOic"}]))
    Image.new("RGB", (64, 64), "red").save(tmp_path / "photo.jpg")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", RUN_HERE, ids=lambda page: page.name)
def test_what_a_page_has_one_type_works(page: Path, home: Path) -> None:
    for one in typed(page):
        if one.runs_here:
            code, said = entered(one, home)
            assert code == 0, f"{one.line}\n{said}"


def entered(one: Typed, home: Path) -> tuple[int, str]:
    """Run what was typed: `oriane` in this process, which is faster, anything else as it is."""
    program, *arguments = one.arguments
    arguments = [word.replace("~", str(home)) for word in arguments]
    if Path(program).name == "oriane":
        return invoked(*arguments, data=home / "data", **one.variables)
    done = subprocess.run(
        [program, *arguments],
        env={**CLEAN, **one.variables},
        cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, f"{done.stdout}{done.stderr}"


def test_most_of_the_pages_commands_are_run() -> None:
    """What is left out is left out on purpose, and README's own are not."""
    readme = [one for one in typed(ROOT / "README.md") if one.runs_here]
    assert len(readme) >= 7
    for page in PAGES:
        for one in typed(page):
            assert one.arguments, one.line


def test_an_empty_folder_offers_what_can_be_had(tmp_path: Path) -> None:
    """Where there is no collection yet, the default model is needed, and said how to get."""
    video = numbered_video(tmp_path / "clip.mp4", [0.0, 0.1], 160, 90)
    code, said = invoked("run", video, data=tmp_path / "data")
    assert code == 78
    assert "the default" in said
    assert "CLIP_MODEL=packaged:conse" in said
    assert "pip install" in said
    assert not (tmp_path / "data/s3").exists(), "nothing was started or copied"
    planned = oriane_here("plan", video, env=environment(tmp_path / "data"))
    assert "a run would end: CLIP_MODEL=" in planned.stderr
    assert "1 video is due" in planned.stdout


def test_plan_goes_by_the_collections_model(tmp_path: Path, deployment: Path) -> None:
    copy(deployment, tmp_path)
    code, said = invoked("plan", "--json", data=tmp_path)
    assert code == 0, said
    report = json.loads(said)
    assert report["videos"] == 0
    assert report["left"] == {"booked": 2}


def test_a_plan_with_another_model_says_that_runs_are_refused(
    tmp_path: Path, deployment: Path
) -> None:
    from components.settings import Settings
    from workflows.local.indexed_model import refusal

    copy(deployment, tmp_path)
    settings = Settings.load().having("index", url=str(tmp_path / "qdrant"))
    said = refusal(settings.having("embed", model="other/model"))
    assert "CLIP_MODEL=other/model are refused" in said
    assert "packaged:conse" in said
    assert not refusal(settings.having("embed", model="packaged:conse"))
    assert not refusal(settings), "which goes by the collection's"


def test_a_plan_reads_the_model_while_a_run_has_qdrant_open(
    tmp_path: Path, deployment: Path
) -> None:
    from components.settings import Settings
    from components.stores.vectors.open import indexed_model, open_store

    copy(deployment, tmp_path)
    settings = Settings.load().having("index", url=str(tmp_path / "qdrant")).index
    store = open_store(settings)
    try:
        found = indexed_model(settings)
        assert found is not None
        assert (found.model, found.dim) == (store.collection().model(), store.collection().dim())
    finally:
        store.close()
