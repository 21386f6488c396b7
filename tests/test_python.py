"""`import oriane`, as programs, notebooks and standard input use it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import oriane
from components.errors import ConfigurationError
from components.running.decoders import Decoders
from tests.clips import numbered_video
from tests.commands import environment
from tests.deployment import CODES, copy
from workflows.reference.tree import ROOT
from workflows.search.pictures import plain_picture_of_command, write_plain

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path, deployment: Path) -> Path:
    """A folder with a deployment and a video that it does not have yet."""
    copy(deployment, tmp_path / "data")
    (tmp_path / "videos").mkdir()
    numbered_video(tmp_path / "videos/clip.mp4", [number / 5 for number in range(8)], 160, 90)
    return tmp_path


def example() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(), re.DOTALL)
    return str(code)


def executed(home: Path, *arguments: str, code: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        input=code, env=environment(home / "data"), cwd=home,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_documented_example_as_a_script_without_a_guard(home: Path) -> None:
    (home / "script.py").write_text(f"print('once')\n{example()}")
    said = executed(home, "script.py")
    assert said.count("once") == 1, "no worker runs the script again"
    assert re.search(r"local/clip done \d+ frames", said)
    assert "frames, 384 dimensions, float32" in said
    assert re.search(r"like the first: \S+\.png", said)


def run_alone() -> str:
    """Return of the example what starts workers: all that asks where the code comes from."""
    return example().partition("for hit in")[0]


def test_the_documented_run_from_standard_input(home: Path) -> None:
    assert "local/clip done" in executed(home, "-", code=run_alone())


def test_the_documented_run_as_a_notebook_does_it(home: Path) -> None:
    """A main module without a file, and an event loop that is running."""
    cell = "import asyncio, sys\nasync def cell(): exec(sys.stdin.read(), {})\nasyncio.run(cell())"
    assert "local/clip done" in executed(home, "-c", cell, code=run_alone())


def test_frames_and_vectors(home: Path) -> None:
    settings = oriane.Settings(VP_DATA_DIR=str(home / "data"))
    found = list(oriane.frames(settings=settings))
    assert {frame.code for frame in found} == set(CODES)
    assert all(Path(frame.location).is_file() for frame in found)
    one, rows = oriane.vectors(code="one", settings=settings)
    assert {frame.code for frame in one} == {"one"}
    assert (rows.shape, rows.dtype) == ((len(one), 384), np.dtype("float32"))
    none, empty = oriane.vectors(code="nobody", settings=settings)
    assert (none, empty.shape) == ([], (0, 0))
    hits = oriane.search("a cat", limit=2, settings=settings)
    assert [type(hit) for hit in hits] == [oriane.Hit] * 2
    again = oriane.search(Path(hits[0].location), limit=1, settings=settings)
    assert again[0].score == pytest.approx(1.0, abs=1e-3)


def test_a_picture_is_decoded_confined(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = oriane.Settings(VP_DATA_DIR=str(home / "data"))
    called: list[object] = []
    call = Decoders.call

    def noted(self: Decoders, access: Any, function: Any, *arguments: Any) -> Any:
        called.append(function)
        return call(self, access, function, *arguments)

    monkeypatch.setattr(Decoders, "call", noted)
    path = home / "picture.png"
    Image.new("RGB", (3000, 20), "red").save(path)
    assert oriane.search(path, limit=1, settings=settings)
    assert called == [write_plain]
    # Of the formats that `--image` takes none; Pillow would have opened it.
    Image.new("RGB", (32, 32), "red").save(home / "picture.tiff")
    for given in (home / "picture.tiff", home / "none.png", home):
        with pytest.raises(ConfigurationError, match="expected a picture"):
            oriane.search(given, settings=settings)


def write_postscript(path: Path, target: Path) -> None:
    """Write what Pillow would hand to a program of its own, were it asked to open anything."""
    Image.new("RGB", (8, 8)).save(target, "EPS")


def write_much(path: Path, target: Path) -> None:
    Image.new("RGB", (8000, 8000)).save(target, "PNG")


@pytest.mark.parametrize("write", [write_postscript, write_much])
def test_what_a_hostile_worker_makes_of_a_picture_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any
) -> None:
    monkeypatch.setattr("workflows.search.pictures.write_plain", write)
    settings = oriane.Settings(VP_DATA_DIR=str(tmp_path)).all
    with pytest.raises(ConfigurationError, match="a picture that is none"):
        plain_picture_of_command(settings, b"any")


def test_what_is_misspelt_or_missing_is_named(tmp_path: Path) -> None:
    settings = oriane.Settings(VP_DATA_DIR=str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"^limt: no part of a question; .* limit\?$"):
        oriane.ask("a cat", limt=3, settings=settings)
    with pytest.raises(ConfigurationError, match=r"nothing to run: give files.*--catch-up"):
        oriane.run(settings=settings)


def test_settings_are_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VP_MIN_FRAMES", "7")
    settings = oriane.Settings(VP_TOLERANCE=3, DB_PASSWORD="hunter2")
    assert (settings.all.dedup.tolerance, settings.all.frame.min_frames) == (3, 7)
    assert "hunter2" not in repr(settings)
    with pytest.raises(ConfigurationError, match="VP_TOLERENCE: not a variable"):
        oriane.Settings(VP_TOLERENCE=3)
    with pytest.raises(ConfigurationError, match="VP_TOLERANCE"):
        oriane.Settings(VP_TOLERANCE=-1)
