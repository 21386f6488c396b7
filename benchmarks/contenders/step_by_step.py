"""The flow as a script that takes one step after the other, each from a file to a file.

FFmpeg's cropdetect finds the rectangle and libx264 re-encodes every video inside it; PySceneDetect
finds the scenes of the new file; FFmpeg seeks each scene's middle and every tenth second for one
PNG each; imagehash drops near-duplicates; the model embeds the rest; an embedded Qdrant takes the
vectors. The settings are this project's defaults where it has them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.contenders.contender import Contender, Task, Trial, script
from benchmarks.contenders.embedding import Steps, embedded, encoder

PRESETS = {"step-by-step": "medium", "step-by-step-veryfast": "veryfast"}
_EVERY_S = 10.0
_TOLERANCE = 5


def trials(row: str, task: Task) -> Iterator[Trial]:
    """Measure the script with one of libx264's presets."""
    folder = task.fresh(row)
    yield Trial(row, script("step_by_step", folder, PRESETS[row], *task.videos))


CONTENDERS = tuple(Contender(row, partial(trials, row)) for row in PRESETS)


def _ffmpeg(*arguments: object) -> str:
    from components.media.ffmpeg import program

    command = [program(), "-nostdin", "-hide_banner", "-y", *map(str, arguments)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True)
    return done.stderr


def cropped(video: Path, target: Path, preset: str) -> None:
    """Re-encode the video inside the rectangle that cropdetect proposes most often."""
    told = _ffmpeg("-t", 10, "-i", video, "-vf", "cropdetect=24:2:0", "-an", "-f", "null", "-")
    found = re.findall(r"crop=(\d+:\d+:\d+:\d+)", told)
    rectangle = max(set(found), key=found.count) if found else "iw:ih:0:0"
    encoding = ("-c:v", "libx264", "-preset", preset, "-crf", 23, "-an")
    _ffmpeg("-i", video, "-vf", f"crop={rectangle}", *encoding, target)


def moments(video: Path) -> list[float]:
    """Return the seconds to take: the middle of each scene, or of its parts of ten seconds."""
    from scenedetect import AdaptiveDetector, detect

    seconds = []
    for start, end in detect(str(video), AdaptiveDetector(), start_in_scene=True):
        length = end.seconds - start.seconds
        parts = max(1, round(length / _EVERY_S))
        seconds += [start.seconds + length * (part + 0.5) / parts for part in range(parts)]
    return seconds


def distinct(files: list[Path]) -> list[Path]:
    """Return the pictures that differ from the last one returned."""
    import imagehash
    from PIL import Image

    kept: list[Path] = []
    last = None
    for file in files:
        value = imagehash.dhash(Image.open(file))
        if last is None or value - last > _TOLERANCE:
            last = value
            kept.append(file)
    return kept


def main() -> None:
    """Take all videos through all steps and print the figures."""
    from qdrant_client import QdrantClient, models

    folder, preset, videos = Path(sys.argv[1]), sys.argv[2], [Path(path) for path in sys.argv[3:]]
    steps = Steps()
    with steps.timed("model"):
        model = encoder()
    client = QdrantClient(path=str(folder / "qdrant"))
    size = models.VectorParams(size=model.dim, distance=models.Distance.COSINE)
    client.create_collection("frames", vectors_config=size)
    pictures = 0
    for number, video in enumerate(videos):
        target = folder / str(number)
        target.mkdir()
        with steps.timed("crop and re-encode"):
            cropped(video, target / "cropped.mp4", preset)
        with steps.timed("scenes"):
            seconds = moments(target / "cropped.mp4")
        with steps.timed("pictures by seeking"):
            for second in seconds:
                where = ("-ss", f"{second:.3f}", "-i", target / "cropped.mp4", "-frames:v", 1)
                _ffmpeg(*where, target / f"{second:09.3f}.png")
        with steps.timed("hash"):
            kept = distinct(sorted(target.glob("*.png")))
        with steps.timed("embed"):
            rows = embedded(model, kept)
        with steps.timed("upsert"):
            points = [
                models.PointStruct(
                    id=pictures + index,
                    vector=row.tolist(),
                    payload={"video": str(video), "second": float(file.stem)},
                )
                for index, (file, row) in enumerate(zip(kept, rows, strict=True))
            ]
            client.upsert("frames", points)
        pictures += len(kept)
    client.close()
    print(json.dumps({"pictures": pictures, "phases": steps.rounded()}))


if __name__ == "__main__":
    main()
