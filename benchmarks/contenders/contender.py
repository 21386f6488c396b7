"""What a contender is: processes that are measured, over one set of videos."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MODEL = "packaged:conse"
BATCH = 8


@dataclass(frozen=True)
class Task:
    """A set of videos to go through.

    `videos` are the files in order, `folder` is for what the contender writes, `kept` the number
    of pictures that this project kept of them, where that is known already.
    """

    videos: tuple[Path, ...]
    folder: Path
    kept: int | None = None

    def fresh(self, name: str) -> Path:
        """Return a new empty folder."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def last_line(output: str) -> dict[str, Any]:
    """Return the JSON object that a script printed in the end."""
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return found


@dataclass(frozen=True)
class Trial:
    """One process to measure. `details` turns what it printed into figures for the results."""

    row: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    details: Callable[[str], dict[str, Any]] = last_line


@dataclass(frozen=True)
class Contender:
    """A name for --only, and what to measure: `trials` may prepare before it yields each trial."""

    name: str
    trials: Callable[[Task], Iterator[Trial]]


def clean_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without settings of the project, and with `variables`."""
    ours = ("VP_", "S3_", "DB_", "QDRANT_", "AWS_", "CLIP_", "JOB_", "PROFILE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true", **variables}


def script(module: str, *arguments: object) -> list[str]:
    """Return the command that runs a module of this package in a process of its own."""
    return [sys.executable, "-m", f"benchmarks.contenders.{module}", *map(str, arguments)]
