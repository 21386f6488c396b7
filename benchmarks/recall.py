"""How the keyframe scan agrees with the exact one: scene starts and frames kept, video by video."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders.contender import MODEL, Task, clean_environment
from benchmarks.contenders.ours import SCANS, placed, run_command
from components.errors import RunFailedError

WITHIN_S = 0.5


def agreement(reference: Sequence[float], found: Sequence[float]) -> int:
    """Return how many times of `reference` have one of their own in `found`, 0.5 s away at most.

    Both in order; pairs are made from the start, which makes the most of them.
    """
    matched = 0
    remaining = list(found)
    for second in reference:
        while remaining and remaining[0] < second - WITHIN_S:
            remaining.pop(0)
        if remaining and remaining[0] <= second + WITHIN_S:
            remaining.pop(0)
            matched += 1
    return matched


def compared(exact: dict[str, Any], keyframes: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row a video with what either run's report says and how much of it agrees.

    A scene counts if a frame of it was kept; the first one, which begins the video, does not.
    """
    others = {(video["platform"], video["code"]): video for video in keyframes["videos"]}
    rows = []
    for video in exact["videos"]:
        other = others[video["platform"], video["code"]]
        row: dict[str, Any] = {"video": f"{video['platform']}/{video['code']}"}
        for name, key in (("scenes", "scene_start"), ("frames", "second")):
            wanted, got = _times(video, key), _times(other, key)
            row[name] = {"exact": len(wanted), "keyframes": len(got)}
            row[name]["agree"] = agreement(wanted, got)
        rows.append(row)
    return rows


def _times(video: dict[str, Any], key: str) -> list[float]:
    times = sorted({frame[key] for frame in video["frames"]})
    return times[1:] if key == "scene_start" else times


def measure(videos: Sequence[Path], folder: Path) -> list[dict[str, Any]]:
    """Run the pipeline in both modes, each on an empty data folder, and compare.

    Raises:
        RunFailedError: a run did not end well.
    """
    reports = {}
    for row in ("ours-exact", "ours-keyframes"):
        scan = SCANS[row]
        data = Task((), folder).fresh(row)
        placed(tuple(videos), data)
        environment = {"VP_DATA_DIR": str(data), "CLIP_MODEL": MODEL, "VP_SCENE_SCAN": scan}
        done = subprocess.run(
            run_command(), env=clean_environment(environment), capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise RunFailedError(f"oriane run ended with {done.returncode}: {done.stderr[-1000:]}")
        reports[row] = json.loads(done.stdout)
    return compared(reports["ours-exact"], reports["ours-keyframes"])


def rates(rows: Sequence[dict[str, Any]], name: str) -> tuple[float, float]:
    """Return recall and precision over the rows, of their "scenes" or "frames"."""
    agree, exact, found = (
        sum(row[name][key] for row in rows) for key in ("agree", "exact", "keyframes")
    )
    return agree / max(1, exact), agree / max(1, found)
