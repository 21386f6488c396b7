"""Whether a run over very many videos stays flat: python -m benchmarks.growth [--videos 10000]

One run over videos of a second, made for it, twenty a shard; then what the command and all that it
starts held while each tenth of them was done: memory, threads, open files, and milliseconds a
video. With --minutes it is interrupted then, and the tenths are of those that were done. Writes
growth.json, from which `python -m benchmarks --render` renders docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders.contender import MODEL, Task, clean_environment
from benchmarks.contenders.ours import placed, run_command
from benchmarks.measure import Sample, measured
from benchmarks.results import machine
from components.base.logs import log, recording
from components.errors import RunFailedError
from components.media.ffmpeg import program

_A_SHARD = 20
_PARTS = 10
_EVERY_S = 5.0
_FRAMES_A_VIDEO = 10
_HELD = ("own_private_mb", "mb", "threads", "open_files", "processes")


def tiny_videos(number: int, folder: Path) -> list[Path]:
    """Return so many videos of a second in 128x72, each of which shows another time."""
    unfinished = folder.with_suffix(".unfinished")
    unfinished.mkdir(parents=True)
    command = [program(), "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i"]
    command += [f"testsrc2=size=128x72:rate={_FRAMES_A_VIDEO}:duration={number}"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-g", str(_FRAMES_A_VIDEO)]
    command += ["-keyint_min", str(_FRAMES_A_VIDEO), "-sc_threshold", "0", "-f", "segment"]
    command += ["-segment_time", "1", "-reset_timestamps", "1", str(unfinished / "%06d.mp4")]
    subprocess.run(command, check=True)
    for file in unfinished.glob("*.mp4"):
        home = unfinished / "tiny" / file.stem
        home.mkdir(parents=True)
        file.replace(home / "video.mp4")
    unfinished.replace(folder)
    return sorted(folder.glob("*/*/video.mp4"))


def measure(
    folder: Path, number: int, model: str = MODEL, minutes: float = math.inf
) -> dict[str, Any]:
    """Run over so many videos on an empty data folder; return what was held by each tenth.

    Raises:
        RunFailedError: a video is not done.
    """
    data = Task((), folder).fresh("data")
    placed(tuple(tiny_videos(number, data / "videos")), data)
    environment = clean_environment({"VP_DATA_DIR": str(data), "CLIP_MODEL": model})
    began = time.time()
    command = run_command("--videos-per-shard", str(_A_SHARD))
    found = measured(command, environment, _EVERY_S, 60 * minutes)
    if rejected := list((data / "s3" / "oriane-frames").glob("*/*/rejected.json")):
        raise RunFailedError(f"{len(rejected)} videos are rejected, as {rejected[0].parent.name}")
    return {
        "machine": machine(),
        "load": os.getloadavg()[2],
        "videos": number,
        "model": model if model == MODEL else Path(model).name,
        "parts": parts(data, began, found.samples),
    }


def parts(data: Path, began: float, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Return a row for each tenth of the videos done; the last one takes in the end of the run."""
    markers = (data / "s3" / "oriane-frames").glob("*/*/manifest.json")
    done = sorted(marker.stat().st_mtime - began for marker in markers)
    rows = []
    since = 0.0
    for part in range(1, _PARTS + 1):
        count = len(done) * part // _PARTS
        until = done[count - 1] if part < _PARTS else math.inf
        within = [one for one in samples if since < one.at_s <= until]
        rows.append(
            {
                "done": count,
                "ms_a_video": 1000 * (done[count - 1] - since) / (len(done) / _PARTS),
                **{
                    name: max((getattr(one, name) for one in within), default=None)
                    for name in _HELD
                },
            }
        )
        since = done[count - 1]
    return rows


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=int, default=10_000)
    parser.add_argument("--model", default=MODEL, help="as CLIP_MODEL (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="interrupt it then")
    parser.add_argument("--folder", type=Path, default=Path("data") / "bench")
    options = parser.parse_args()
    folder = options.folder.absolute()
    with recording("INFO"):
        found = measure(folder / "work" / "growth", options.videos, options.model, options.minutes)
    target = folder / "growth.json"
    target.write_text(json.dumps(found, indent=1) + "\n")
    log.info("%d of %d videos: %s", found["parts"][-1]["done"], options.videos, target)


if __name__ == "__main__":
    main()
