"""What no pipeline over these videos can do without: decoding them, and the model's forward passes.

Both without any work around them: FFmpeg decodes to nothing, video after video with all its
threads; the model embeds pictures that are in memory already, in full batches.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from typing import TYPE_CHECKING

from benchmarks.contenders.contender import BATCH, Contender, Task, Trial, script
from benchmarks.contenders.embedding import encoder

if TYPE_CHECKING:
    from PIL import Image

_PICTURES = 64


def trials(task: Task) -> Iterator[Trial]:
    """Measure decoding every frame, decoding keyframes only, and the forward passes."""
    yield Trial("floor-decode", script("floor", "decode", *task.videos))
    yield Trial("floor-keyframes", script("floor", "keyframes", *task.videos))
    count = str(task.kept or _PICTURES)
    yield Trial("floor-forward", script("floor", "forward", count, *task.videos))


CONTENDER = Contender("floor", trials)


def decode(videos: list[str], *options: str) -> dict[str, float]:
    """Decode all videos to nothing; return the seconds without the start of this script."""
    from components.media.ffmpeg import program

    start = time.perf_counter()
    for video in videos:
        command = [program(), "-nostdin", "-loglevel", "error", *options, "-i", video]
        subprocess.run([*command, "-an", "-f", "null", "-"], check=True)
    return {"seconds": time.perf_counter() - start}


def forward(count: int, videos: list[str]) -> dict[str, float]:
    """Embed `count` pictures of the videos in batches.

    Returns:
        Seconds of the passes, and of all cores together (cpu_s); apart from them, those of loading
        the model.
    """
    start, cpu = time.perf_counter(), time.process_time()
    model = encoder()
    loading, loading_cpu = time.perf_counter() - start, time.process_time() - cpu
    some = _pictures(videos)
    model.embed_images(some[:BATCH])
    pictures = islice(cycle(some), count)
    start, cpu = time.perf_counter(), time.process_time()
    while batch := list(islice(pictures, BATCH)):
        model.embed_images(batch)
    return {
        "seconds": time.perf_counter() - start,
        "cpu_s": time.process_time() - cpu,
        "load_s": loading,
        "load_cpu_s": loading_cpu,
        "pictures": count,
    }


def _pictures(videos: list[str]) -> list[Image.Image]:
    """Return full-size keyframes, up to 64 in all and as many of each video."""
    import av

    each = -(-_PICTURES // len(videos))
    pictures: list[Image.Image] = []
    for video in videos:
        with av.open(video) as container:
            stream = container.streams.video[0]
            stream.codec_context.skip_frame = "NONKEY"
            frames = islice(container.decode(stream), each)
            pictures += [frame.to_image() for frame in frames]  # type: ignore[no-untyped-call]
    return pictures


def main() -> None:
    """Do one of the three and print its seconds."""
    what, *arguments = sys.argv[1:]
    if what == "forward":
        found = forward(int(arguments[0]), arguments[1:])
    else:
        options = ("-skip_frame", "nokey") if what == "keyframes" else ()
        found = decode(arguments, *options)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
