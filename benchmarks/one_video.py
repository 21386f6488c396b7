"""`python -m benchmarks.one_video VIDEO`: the frame phase's work on one video, by cores.

Each measurement is a process of its own that may use so many cores; what it finds has to be the
same whatever their number. One thread looks at the frames in order: what it takes of the CPU is the
least that a video takes. Switches are those of threads that wait, for each other or for Python's
lock.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_SCANS = ("all", "reference", "keyframes")


def main() -> int:
    """Print a row a scan and number of cores, as Markdown."""
    options = _options()
    if options.alone:
        sys.stdout.write(json.dumps(measured(options.video, options.alone)))
        return 0
    cores = sorted(os.sched_getaffinity(0))
    sys.stdout.write(
        "| scan | cores | seconds | CPU s | of the thread that looks | frames/s | of one core's | "
        "switches a frame | peak MB |\n"
    )
    sys.stdout.write("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
    for scan in options.scans:
        first: dict[str, Any] = {}
        for count in (count for count in options.cores if count <= len(cores)):
            found = _on(cores[:count], options.video, scan)
            first = first or found
            if found["kept"] != first["kept"]:
                sys.stderr.write(f"error: {scan} keeps other frames on {count} cores\n")
                return 1
            sys.stdout.write(
                f"| {scan} | {count} | {found['wall_s']:.2f} | {found['cpu_s']:.2f} | "
                f"{found['looking_s']:.2f} | {found['frames'] / found['wall_s']:,.0f} | "
                f"{first['wall_s'] / found['wall_s']:.2f} | "
                f"{found['switches'] / found['frames']:.1f} | {found['peak_mb']:.0f} |\n"
            )
            sys.stdout.flush()
    return 0


def measured(video: Path, scan: str) -> dict[str, Any]:
    """Return what the work took, how many frames the video has, and which were kept."""
    from components.fetch.probe import probe
    from components.frame.extract import extract
    from components.records.videos import CroppedVideo, Video
    from components.settings import FrameSettings, LimitSettings
    from components.stores.s3 import Stored

    known = Video(platform="bench", code="video", source="s3://bench/bench/video/video.mp4")
    stored = Stored(known.source, video.stat().st_size, "etag", datetime.now(UTC))
    source = probe(video, known, stored, LimitSettings())
    cropped = CroppedVideo(source=source, rectangle=None)
    settings = FrameSettings(VP_SCENE_SCAN=scan)
    with tempfile.TemporaryDirectory() as folder:
        start, cpu, looking = time.perf_counter(), time.process_time(), time.thread_time()
        before = resource.getrusage(resource.RUSAGE_SELF)
        found = extract(video, Path(folder) / "f.tar", cropped, settings, LimitSettings(), 24)
        after = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "wall_s": time.perf_counter() - start,
            "cpu_s": time.process_time() - cpu,
            "looking_s": time.thread_time() - looking,
            "switches": after.ru_nvcsw - before.ru_nvcsw,
            "peak_mb": after.ru_maxrss * 1024 / 1e6,
            "frames": source.packets,
            "kept": [frame.number for frame in found.frames],
        }


def _on(cores: list[int], video: Path, scan: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.one_video", str(video), "--alone", scan]
    answer = subprocess.check_output(
        command, preexec_fn=lambda: os.sched_setaffinity(0, cores), text=True
    )
    found: dict[str, Any] = json.loads(answer)
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.one_video",
        description="Measure how the frame phase's work on one video goes by with more cores.",
        epilog="example: python -m benchmarks.one_video film.mp4 --cores 1,2,4",
    )
    parser.add_argument("video", type=Path)
    parser.add_argument(
        "--cores", type=lambda text: [int(one) for one in text.split(",")], default=[1, 2, 4, 8, 16]
    )
    parser.add_argument("--scans", type=lambda text: text.split(","), default=_SCANS)
    parser.add_argument("--alone", choices=_SCANS, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
