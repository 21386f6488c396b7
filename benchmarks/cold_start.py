"""How long a run takes to its first decoded frame: python -m benchmarks.cold_start VIDEO [RUNS]

Runs `oriane run VIDEO` on an empty data folder, then again with nothing new, and prints a table,
each the least of RUNS: seconds from the start of the interpreter until the video is
probed, which decodes a frame, and until a run with nothing new has ended; and what the processors
worked for the latter, which is all that tells on a machine that does other things as well.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contenders.contender import MODEL, Task, clean_environment
from benchmarks.measure import measured

_DECODED = "fetch.probe.probe"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("runs", type=int, nargs="?", default=5, help="default: 5")
    options = parser.parse_args()
    if not options.video.is_file():
        parser.error(f"no file {options.video}")
    with TemporaryDirectory() as folder:
        rows = [_run(Task((options.video,), Path(folder))) for _ in range(options.runs)]
    least = " | ".join(f"{min(column):.2f}" for column in zip(*rows, strict=True))
    sys.stdout.write(
        "| first frame decoded after s | nothing new, s | nothing new, CPU s |\n|---|---|---|\n"
        f"| {least} |\n"
    )


def _run(task: Task) -> tuple[float, float, float]:
    data = task.fresh("data")
    trace = data / "trace.json"
    environment = clean_environment(
        {"VP_DATA_DIR": str(data), "CLIP_MODEL": MODEL, "PROFILE_JSON": str(trace)}
    )
    program = str(Path(sys.executable).with_name("oriane"))
    command = [program, "run", str(task.videos[0]), "--json"]
    # The trace's clock: seconds since the machine started, the same in all processes.
    began = time.perf_counter()
    measured(command, environment)
    spans = json.loads(trace.read_text())["traceEvents"]
    decoded = min(span["ts"] + span["dur"] for span in spans if span["name"] == _DECODED)
    again = measured(command, environment)
    return decoded / 1e6 - began, again.wall_s, again.cpu_s


if __name__ == "__main__":
    main()
