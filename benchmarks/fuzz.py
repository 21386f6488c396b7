"""Videos with bytes changed at random, through probe, crop and frame: how they end.

    python -m benchmarks.fuzz --mutants 2000 --folder data/fuzz

Every one must end as done or rejected with a reason. What ends otherwise is kept in the folder.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from components.crop.detect import find_picture
from components.errors import VideoRejectedError
from components.frame.extract import extract
from components.records.videos import CroppedVideo
from components.running.decoders import Access, Decoders
from components.settings import CropSettings, FrameSettings, LimitSettings
from tests import readable
from tests.conftest import source_of

_FRAMES = range(25)
_FORMATS: dict[str, tuple[object, ...]] = {
    "h264.mp4": ("-bf", 2),
    "h264.ts": ("-g", 10),
    "h264.mkv": (),
    "h264.flv": (),
    "mpeg2.ts": ("-c:v", "mpeg2video", "-q:v", 3),
    "mjpeg.mov": ("-c:v", "mjpeg", "-q:v", 4, "-pix_fmt", "yuvj420p"),
    "vp8.webm": ("-c:v", "libvpx", "-crf", 10, "-b:v", "2M", "-cpu-used", 8),
    "mpeg4.avi": ("-c:v", "mpeg4", "-q:v", 4, "-bf", 2),
}


def main() -> int:
    """Make the mutants, take each through the phases, and print how many ended how."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    originals = {
        name: readable.write(arguments.folder / name, *options, frames=_FRAMES).read_bytes()
        for name, options in _FORMATS.items()
    }
    limits = LimitSettings(VP_DECODE_TIMEOUT_SECS=60)
    decoders = Decoders(2, limits)

    def one(number: int) -> str:
        name = list(originals)[number % len(originals)]
        path = arguments.folder / f"{number}-{name}"
        path.write_bytes(_mutant(originals[name], np.random.default_rng([arguments.seed, number])))
        ended = _ended(path, decoders, limits)
        if not ended.startswith("error"):
            path.unlink()
        path.with_suffix(".tar").unlink(missing_ok=True)
        path.with_suffix(".cropdetect").unlink(missing_ok=True)
        return ended

    with ThreadPoolExecutor(2) as pool:
        counts = Counter(pool.map(one, range(arguments.mutants)))
    decoders.close()
    for ended, count in counts.most_common():
        sys.stdout.write(f"{count:6d} {ended}\n")
    return 1 if any(ended.startswith("error") for ended in counts) else 0


def _mutant(content: bytes, random: np.random.Generator) -> bytes:
    """Change, take out, repeat or cut some bytes, in the header as often as anywhere else."""
    mutant = bytearray(content)
    for _ in range(int(random.integers(1, 6))):
        end = len(mutant) if random.random() < 0.5 else min(2000, len(mutant))
        at, length = int(random.integers(0, end)), int(random.integers(1, 33))
        kind = random.integers(0, 10)
        if kind < 6:
            mutant[at : at + length] = random.bytes(length)
        elif kind < 7:
            mutant[at] ^= 1 << int(random.integers(0, 8))
        elif kind < 8:
            del mutant[at : at + length]
        elif kind < 9:
            mutant[at:at] = mutant[at : at + 20 * length]
        else:
            del mutant[max(1000, at) :]
    return bytes(mutant)


def _ended(path: Path, decoders: Decoders, limits: LimitSettings) -> str:
    try:
        source = decoders.call(Access(path), source_of, path, limits)
        report, tar = path.with_suffix(".cropdetect"), path.with_suffix(".tar")
        crop = CropSettings()
        access = Access(path, (report,))
        rectangle = decoders.call(access, find_picture, path, source, crop, limits, report)
        cropped = CroppedVideo(source=source, rectangle=rectangle)
        access = Access(path, (tar,))
        extracted = decoders.call(access, extract, path, tar, cropped, FrameSettings(), limits, 24)
    except VideoRejectedError as error:
        return f"rejected: {error.reason}"
    except Exception as error:
        traceback.print_exc()
        return f"error: {type(error).__name__}"
    return "done, packets lost" if extracted.lost_packets else "done"


if __name__ == "__main__":
    raise SystemExit(main())
