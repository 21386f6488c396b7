"""This project: `oriane run` over the videos, which lie in S3, in each way to find scenes.

Each way is run on an empty data folder, then again on the same one, where everything is reused.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.contenders.contender import MODEL, Contender, Task, Trial
from components.errors import RunFailedError

SCANS = {"ours-exact": "all", "ours-reference": "reference", "ours-keyframes": "keyframes"}
_SOURCES = "oriane-contents"


def trials(task: Task) -> Iterator[Trial]:
    """Measure a cold run and one that reuses everything, for each way to find scenes."""
    for row, scan in SCANS.items():
        data = task.fresh(row)
        placed(task.videos, data)
        environment = {"VP_DATA_DIR": str(data), "CLIP_MODEL": MODEL, "VP_SCENE_SCAN": scan}
        for name in (row, f"{row}-reused"):
            yield Trial(name, run_command(), environment, partial(figures, data, written(data)))


def unconfined(task: Task) -> Iterator[Trial]:
    """Measure the default way with nothing that confines decoders: what confinement costs."""
    row = "ours-unconfined"
    data = task.fresh(row)
    placed(task.videos, data)
    scan = SCANS["ours-reference"]
    environment = {"VP_DATA_DIR": str(data), "CLIP_MODEL": MODEL, "VP_SCENE_SCAN": scan}
    environment["VP_SANDBOX"] = "off"
    yield Trial(row, run_command(), environment, partial(figures, data, written(data)))


CONTENDER = Contender("ours", trials)
UNCONFINED = Contender("ours-unconfined", unconfined)


def run_command(*options: str) -> list[str]:
    """Return the command that runs the pipeline over the source bucket."""
    program = str(Path(sys.executable).with_name("oriane"))
    return [program, "run", f"s3://{_SOURCES}/", *options, "--json"]


def placed(videos: tuple[Path, ...], data: Path) -> None:
    """Put the videos into the source bucket of a data folder."""
    for video in videos:
        target = data / "s3" / _SOURCES / video.parent.parent.name / video.parent.name / "video.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(video, target)


def written(data: Path) -> int:
    """Return the bytes that lie in the frames and artifacts buckets."""
    buckets = [data / "s3" / name for name in ("oriane-frames", "oriane-artifacts")]
    files = [path for bucket in buckets for path in bucket.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files)


def figures(data: Path, before: int, output: str) -> dict[str, Any]:
    """Return what the run's report says: pictures kept, seconds a phase summed over videos.

    Raises:
        RunFailedError: a video is not done.
    """
    videos = json.loads(output)["videos"]
    stopped = [video for video in videos if video["status"] != "done"]
    if stopped:
        named = "{platform}/{code}: {message}".format(**stopped[0])
        raise RunFailedError(f"{len(stopped)} videos of the benchmark are not done, as {named}")
    phases: Counter[str] = Counter()
    for video in videos:
        phases.update(video["seconds"])
    return {
        "pictures": sum(len(video["frames"]) for video in videos),
        "phases": {phase: round(seconds, 3) for phase, seconds in phases.items()},
        "s3_bytes": written(data) - before,
    }
