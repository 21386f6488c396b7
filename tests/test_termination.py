"""What Kubernetes is told of a container that ended badly."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.__main__ import main
from components.base import termination
from components.base.logs import log
from components.base.termination import LastWords


def test_the_error_comes_first_then_the_last_warnings_and_all_fits(tmp_path: Path) -> None:
    (file := tmp_path / "termination-log").touch()
    with LastWords(file) as words:
        log.info("working")
        for number in range(5):
            log.warning("video %d failed", number)
        log.error("embed: %d videos failed", 5)
        words.leave()
        said = file.read_text().splitlines()
        assert said == ["embed: 5 videos failed", *(f"video {n} failed" for n in (2, 3, 4))]
        log.error("ä" * 5000)
        words.leave()
    assert len(file.read_bytes()) == 4096


def test_a_component_that_fails_leaves_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file := tmp_path / "termination-log").touch()
    monkeypatch.setattr(termination, "FILE", file)
    monkeypatch.setenv("VP_S3_ATTEMPTS", "none")
    assert main(["fetch", "--manifest", "s3://b/runs/r/000000/plan.jsonl"]) == 78
    assert "VP_S3_ATTEMPTS" in file.read_text()


def test_elsewhere_nothing_is_written(tmp_path: Path) -> None:
    with LastWords(tmp_path / "none") as words:
        log.error("failed")
        words.leave()
    assert not list(tmp_path.iterdir())
