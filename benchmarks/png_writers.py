"""How long writing a frame as PNG takes, and its size: python -m benchmarks.png_writers VIDEO

Compares the pipeline's writer with Pillow's at some levels, over frames spread over the video.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.frames_tar.png import encoded
from components.media.display import Display
from components.media.pictures import upright
from components.media.video import opened

_PICTURES, _APART = 20, 60


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    pictures = _pictures(parser.parse_args().video)
    writers: dict[str, Callable[[NDArray[np.uint8]], bytes]] = {"this project": encoded}
    writers |= {f"Pillow, level {level}": partial(_by_pillow, level) for level in (1, 3, 6)}
    lines = ["| writer | CPU ms a picture | kB |", "|---|---|---|"]
    for name, write in writers.items():
        start = time.process_time()
        size = sum(len(write(picture)) for picture in pictures)
        spent = (time.process_time() - start) / len(pictures)
        lines.append(f"| {name} | {1000 * spent:.1f} | {size / len(pictures) / 1000:.0f} |")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _pictures(path: Path) -> list[NDArray[np.uint8]]:
    with opened(path) as video:
        spread = islice(video.decoded(0.0), 0, _PICTURES * _APART, _APART)
        return [upright(decoded.frame, Display()) for decoded in spread]


def _by_pillow(level: int, picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=level)
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
