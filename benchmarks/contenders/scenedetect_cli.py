"""PySceneDetect's command line, then a script that embeds the pictures it saved.

`scenedetect -i VIDEO detect-adaptive save-images -n 1`: one picture a scene, from its middle, where
its default are three. There is no crop, no removal of duplicates and no index.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contenders.contender import Contender, Task, Trial, script
from benchmarks.contenders.embedding import Steps, embedded, encoder


def trials(task: Task) -> Iterator[Trial]:
    """Measure both, over all videos, as one script."""
    folder = task.fresh("scenedetect")
    yield Trial("scenedetect", script("scenedetect_cli", folder, *task.videos))


CONTENDER = Contender("scenedetect", trials)


def main() -> None:
    """Save pictures of all videos into a folder, embed them, print the figures."""
    import numpy as np

    folder, videos = Path(sys.argv[1]), sys.argv[2:]
    steps = Steps()
    program = Path(sys.executable).with_name("scenedetect")
    for number, video in enumerate(videos):
        target = folder / str(number)
        with steps.timed("scenes and pictures"):
            command = [str(program), "--quiet", "--input", video, "--output", str(target)]
            subprocess.run([*command, "detect-adaptive", "save-images", "-n", "1"], check=True)
    files = sorted(folder.rglob("*.jpg"))
    with steps.timed("model"):
        model = encoder()
    with steps.timed("embed"):
        np.save(folder / "vectors.npy", embedded(model, files))
    print(json.dumps({"pictures": len(files), "phases": steps.rounded()}))


if __name__ == "__main__":
    main()
