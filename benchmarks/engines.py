"""The embedded engines side by side: `python -m benchmarks.engines [FRAMES…] [--engine NAME]`.

Fills a folder with each engine through the seam for vector stores, as index does, then opens and
asks it in a process of its own. Vectors are random; 25 frames a video; 20 questions each, medians
of CPU time, so that other work of the machine counts little.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from components.records.frame_names import point_id
from components.records.videos import Frame, Video
from components.settings import IndexSettings, Settings
from components.stores.vectors.open import open_store

DIM = 512
_A_VIDEO = 25
_QUESTIONS = 20
_ENGINES = ("local", "edge")


def main() -> None:
    """Print a table, a row for each engine and number of frames."""
    if sys.argv[1:2] == ["--one"]:
        step, engine, folder, number = sys.argv[2:]
        print(json.dumps(_STEPS[step](_settings(engine, folder), int(number))))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("frames", type=int, nargs="*", help="default: 20000 100000")
    parser.add_argument("--engine", action="append", choices=_ENGINES, help="default: all")
    options = parser.parse_args()
    counts, engines = options.frames or [20_000, 100_000], options.engine or _ENGINES
    print("| frames | engine | upsert CPU s | open CPU s | query CPU ms | one video | platform "
          "| private MB | with mapped files MB |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for count in counts:
        for engine in engines:
            with tempfile.TemporaryDirectory() as folder:
                filled = _in_a_process("fill", engine, folder, count)
                asked = _in_a_process("ask", engine, folder, count)
            cells: tuple[object, ...] = (count, engine, filled["cpu_s"], *asked.values())
            print(f"| {' | '.join(map(str, cells))} |", flush=True)


def _in_a_process(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.engines", "--one", *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _settings(engine: str, folder: str) -> IndexSettings:
    return Settings.load().having("index", url=f"{folder}/qdrant", engine=engine).index


class _Video:
    """A video as index gives it to a store."""

    duration = float(_A_VIDEO)
    is_cropped = False
    dated = None

    def __init__(self, number: int) -> None:
        self.video = Video(platform="tiktok", code=f"v{number}", source="s3://videos/v.mp4")
        self.frames = [
            Frame(number=frame, second=float(frame), scene_start=0, scene_end=_A_VIDEO)
            for frame in range(_A_VIDEO)
        ]

    def dhash(self, _: Frame) -> str:
        return ""

    def path(self, frame: Frame) -> str:
        return f"tiktok/{self.video.code}/{frame.number}.png"

    def point_id(self, frame: Frame) -> str:
        return point_id("tiktok", self.video.code, frame.number)


def _fill(settings: IndexSettings, count: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(count, DIM)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    with closing(open_store(settings)) as store:
        collection = store.collection()
        collection.ensure("m", DIM)
        begun = time.process_time()
        for number in range(count // _A_VIDEO):
            part = rows[number * _A_VIDEO : (number + 1) * _A_VIDEO]
            collection.replace(_Video(number), part, "m")
    return {"cpu_s": round(time.process_time() - begun, 1)}


def _ask(settings: IndexSettings, _: int) -> dict[str, float]:
    rng = np.random.default_rng(1)
    questions = rng.normal(size=(_QUESTIONS, DIM)).astype(np.float32).tolist()
    begun = time.process_time()
    store = open_store(settings)
    collection = store.collection()
    collection.vectors([])
    collection.search(questions[0], 1, code="none")
    found = {"open_cpu_s": round(time.process_time() - begun, 2)}
    with closing(store):
        filters: dict[str, dict[str, Any]] = {
            "query_ms": {},
            "video_ms": {"platform": "tiktok", "code": "v3"},
            "platform_ms": {"platform": "tiktok"},
        }
        for name, given in filters.items():
            found[name] = _median_ms(partial(collection.search, limit=10, **given), questions)
        found["private_mb"] = _memory_mb("RssAnon")
        found["mb"] = _memory_mb("VmRSS")
    return found


def _median_ms(ask: Callable[[list[float]], object], questions: list[list[float]]) -> float:
    took = []
    for question in questions:
        begun = time.process_time()
        ask(question)
        took.append(time.process_time() - begun)
    return round(1000 * median(took), 1)


def _memory_mb(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) // 1024
    raise AssertionError(field)


_STEPS: dict[str, Callable[[IndexSettings, int], dict[str, float]]] = {"fill": _fill, "ask": _ask}

if __name__ == "__main__":
    main()
