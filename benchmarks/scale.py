"""What one video costs in runs of ten to two thousand: seconds, memory, files, requests to S3."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import ffmpeg

from benchmarks.contenders.contender import MODEL, Task, clean_environment
from benchmarks.contenders.ours import figures, placed, run_command
from benchmarks.footage import Footage
from benchmarks.measure import measured
from components.base.logs import log
from components.media.ffmpeg import program

COUNTS = (10, 100, 500, 2000)
_SECONDS = 2
_A_SHARD = 20


def short_videos(number: int, folder: Path, footage: Footage) -> list[Path]:
    """Return `number` videos of two seconds, made from the film in as many colours as it takes."""
    for variant in count():
        made = sorted(folder.glob("*/*/video.mp4"))
        if len(made) >= number:
            return made[:number]
        target = folder / f"v{variant:02}"
        if not target.exists():
            _cut(footage, variant, target)
    raise AssertionError("unreachable")


def _cut(footage: Footage, variant: int, target: Path) -> None:
    """Cut the whole film into videos of two seconds, with a turn of colours of its own."""
    unfinished = target.with_suffix(".unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)
    film = ffmpeg.input(str(footage.film or footage.bikes))
    video = film.video.filter("scale", 320, 180).filter("hue", h=36 * variant)
    output = video.output(
        str(unfinished / "%04d.mp4"), f="segment", segment_time=_SECONDS, reset_timestamps=1,
        force_key_frames=f"expr:gte(t,n_forced*{_SECONDS})", vcodec="libx264", preset="veryfast",
    )  # fmt: skip
    command = [program(), "-nostdin", "-loglevel", "error", "-y"]
    subprocess.run([*command, *ffmpeg.get_args(output)], check=True)
    for file in sorted(unfinished.glob("*.mp4")):
        home = unfinished / file.stem
        home.mkdir()
        file.replace(home / "video.mp4")
    unfinished.replace(target)


def measure(footage: Footage, folder: Path, counts: Sequence[int] = COUNTS) -> list[dict[str, Any]]:
    """Run each number of videos on an empty data folder, then again; return a row a run.

    The second run finds everything done and reuses it.
    """
    rows = []
    for number in counts:
        data = Task((), folder).fresh("data")
        placed(tuple(short_videos(number, folder / "videos", footage)), data)
        requests = data / "requests.json"
        environment = {
            "VP_DATA_DIR": str(data),
            "CLIP_MODEL": MODEL,
            "BENCH_REQUESTS": str(requests),
        }
        options = run_command("--videos-per-shard", str(_A_SHARD))[1:]
        command = [sys.executable, "-m", "benchmarks.counted_run", *options]
        for reused in (False, True):
            found = measured(command, clean_environment(environment))
            figures(data, 0, found.output)
            rows.append(
                {
                    "videos": number,
                    "reused": reused,
                    "wall_s": found.wall_s,
                    "cpu_s": found.cpu_s,
                    "peak_mb": found.peak_mb,
                    "open_files": found.open_files,
                    "requests": json.loads(requests.read_text()),
                }
            )
            log.info("%d videos: %.1f s, %.0f MB", number, found.wall_s, found.peak_mb)
    return rows
