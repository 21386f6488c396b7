"""Videos whose right answer is known: frames that carry their own number, borders of known size."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray
from PIL import Image

# Bits of a frame's number, drawn as black and white blocks over a colourful ground.
_BITS = 10
_TIME_BASE = Fraction(1, 1000)


def ffmpeg(*arguments: object) -> None:
    """Run the ffmpeg of the wheel, whose version is known, and fail with its complaint."""
    command = [get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def numbered_picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return a picture that shows `number`: a row of blocks, most significant bit first."""
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.empty((height, width, 3), np.uint8)
    picture[..., 0] = 60 + 120 * columns // width
    picture[..., 1] = 60 + 120 * rows // height
    picture[..., 2] = 90 + 10 * (number % 7)
    block = width // _BITS
    top, bottom = height // 3, 2 * height // 3
    for bit in range(_BITS):
        value = 235 if number >> (_BITS - 1 - bit) & 1 else 20
        picture[top:bottom, bit * block : (bit + 1) * block] = value
    return picture


def shown_number(picture: Image.Image) -> int:
    """Read the number that a picture made by `numbered_picture` shows."""
    pixels = np.asarray(picture.convert("L"), np.int32)
    height, width = pixels.shape
    block = width // _BITS
    middle = pixels[height // 2 - 2 : height // 2 + 3]
    bits = [middle[:, bit * block + 3 : (bit + 1) * block - 3].mean() > 128 for bit in range(_BITS)]
    return sum(1 << (_BITS - 1 - index) for index, bit in enumerate(bits) if bit)


def write_pictures(
    path: Path,
    pictures: Sequence[NDArray[np.uint8]],
    seconds: Sequence[float],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """Encode the pictures so that each is presented at its second.

    Args:
        options: Of the encoder. x264 and x265 spend a third of what they usually do.
    """
    height, width = pictures[0].shape[:2]
    quick = {"preset": "veryfast"} if codec in ("libx264", "libx265") else {}
    options = quick | (options or {"crf": "12"})
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.time_base = _TIME_BASE
        for picture, second in zip(pictures, seconds, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(second / _TIME_BASE), _TIME_BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def numbered_video(
    path: Path, seconds: Sequence[float], width: int = 320, height: int = 180, **options: object
) -> Path:
    """Write a video whose n-th frame shows n and is presented at `seconds[n]`.

    Args:
        options: Of `write_pictures`; without any, the same video is encoded once a process.
    """
    if options:
        pictures = _numbered_pictures(len(seconds), width, height)
        return write_pictures(path, pictures, seconds, **options)  # type: ignore[arg-type]
    path.write_bytes(_numbered_video(path.suffix, tuple(seconds), width, height))
    return path


@lru_cache(maxsize=100)
def _numbered_video(suffix: str, seconds: tuple[float, ...], width: int, height: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        pictures = _numbered_pictures(len(seconds), width, height)
        return write_pictures(Path(folder) / f"v{suffix}", pictures, seconds).read_bytes()


def _numbered_pictures(count: int, width: int, height: int) -> list[NDArray[np.uint8]]:
    return [numbered_picture(number, width, height) for number in range(count)]


def moving_picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return one frame of lively, bright footage: drifting texture with light all over."""
    return _moving_picture(number, width, height).copy()


@lru_cache(maxsize=512)
def _moving_picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:height, 0:width]
    wave = np.sin((columns + 7 * number) / 23) + np.cos((rows - 5 * number) / 17)
    noise = np.random.default_rng(number).normal(0, 8, (height, width))
    grey = np.clip(130 + 45 * wave + noise, 45, 250)
    return np.stack([grey, np.roll(grey, 9, 1), np.roll(grey, 9, 0)], -1).astype(np.uint8)


def bordered_video(
    path: Path,
    *,
    inside: tuple[int, int],
    bars: tuple[int, int, int, int],
    noise: float = 0.0,
    crf: int = 18,
    frames: int = 90,
) -> Path:
    """Write bright footage of size `inside` within black bars (top, bottom, left, right)."""
    width, height = inside
    top, bottom, left, right = bars
    size = (height + top + bottom, width + left + right, 3)
    random = np.random.default_rng(1000)
    # Moved elsewhere in each picture: no encoder finds it again, and to draw it anew takes longer.
    field = noise * random.standard_normal(size, np.float32) if noise else None
    pictures = []
    for number in range(frames):
        picture = np.zeros(size, np.float32)
        picture[top : top + height, left : left + width] = moving_picture(number, width, height)
        if field is not None:
            picture += np.roll(field, random.integers(0, size[:2]), axis=(0, 1))
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    seconds = [number / 30 for number in range(frames)]
    return write_pictures(path, pictures, seconds, options={"crf": str(crf)})
