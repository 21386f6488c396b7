"""What a frame as PNG, WebP and JPEG takes, and does to vectors: python -m benchmarks.frame_formats

Compares the pipeline's writers with Pillow's PNG at some levels, over frames spread over the videos
that are given. The cosine is that of the packaged model's vectors of the file and of the picture.
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

from components.base.model_names import PACKAGED
from components.encoders.load import load_encoder
from components.frames_tar.encoding import encoded
from components.media.display import Display
from components.media.pictures import upright
from components.media.video import opened
from components.settings import EmbedSettings

_PICTURES, _APART = 20, 60
_QUALITIES = (95, 90, 80)


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", type=Path, nargs="+")
    pictures = [picture for path in parser.parse_args().videos for picture in _pictures(path)]
    encoder = load_encoder(EmbedSettings(CLIP_MODEL=PACKAGED))
    vectors = encoder.embed_images(list(map(Image.fromarray, pictures)))
    writers: dict[str, Callable[[NDArray[np.uint8]], bytes]] = {
        "PNG, this project's": partial(encoded, kind="png", quality=0)
    }
    for kind in ("webp", "jpeg"):
        for quality in _QUALITIES:
            writers[f"{kind}, {quality}"] = partial(encoded, kind=kind, quality=quality)
    writers |= {f"PNG, Pillow's level {level}": partial(_by_pillow, level) for level in (1, 3, 6)}
    lines = [
        f"{len(pictures)} pictures of {len(parser.parse_args().videos)} videos",
        "",
        "| writer | CPU ms a picture | kB | cosine, mean | least |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, write in writers.items():
        start = time.process_time()
        files = [write(picture) for picture in pictures]
        spent = (time.process_time() - start) / len(files)
        size = sum(map(len, files)) / len(files)
        found = encoder.embed_images([Image.open(io.BytesIO(file)) for file in files])
        cosines = np.einsum("nd,nd->n", vectors, found)
        lines.append(
            f"| {name} | {1000 * spent:.1f} | {size / 1000:.0f} | {cosines.mean():.4f} "
            f"| {cosines.min():.4f} |"
        )
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
