"""The benchmark of a GPU runs without one, and says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_it_measures_the_cpu_where_there_is_no_gpu(
    tmp_path: Path,
    clip_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from benchmarks.gpu.__main__ import main

    command = ["benchmarks.gpu", "--device", "cpu", "--model", clip_model]
    command += ["--max-batch", "8", "--frames", "25", "--size", "64x48", "--seconds", "0.05"]
    command += ["--clip-seconds", "0.5", "--out", tmp_path / "out"]
    monkeypatch.setattr("sys.argv", [*map(str, command)])
    assert main() == 0
    shown = capsys.readouterr().out
    measured = json.loads((tmp_path / "out/gpu.json").read_text())
    assert shown == (tmp_path / "out/gpu.md").read_text()
    assert shown.startswith("CPU (no GPU here)")
    assert [(rate["precision"], rate["batch"]) for rate in measured["bare"]] == [
        ("float32", 8),
        ("bfloat16", 8),
    ]
    assert measured["embed"]["frames"] == 25
    assert measured["embed"]["frames_per_s"] > 0
    assert measured["video"]["crop_fps"]["libx264"] > 0
