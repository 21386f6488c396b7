"""The videos of the benchmark, made once: `<folder>/<set>/<platform>/<code>/video.mp4`.

Encoded as platforms do: H.264 (one HEVC) at 30 frames a second, CRF 23, 4:2:0, keyframes where the
encoder puts them or every two seconds regardless of scenes. Equal seeds give equal scenes.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

import ffmpeg

from benchmarks.footage import Footage, Kind, Piece, pieces
from components.errors import TransientError
from components.media.ffmpeg import program

RATE = 30
_LIVE: tuple[Kind, ...] = ("film", "film", "film", "film", "film", "bikes", "photo")
_EVERYTHING: tuple[Kind, ...] = (*_LIVE, *_LIVE, "drawn")


@dataclass(frozen=True)
class Recipe:
    """One video. `picture` is what of the frame is not black border, width and height."""

    name: str
    seconds: float
    width: int
    height: int
    scenes: tuple[float, float]
    kinds: tuple[Kind, ...] = _LIVE
    picture: tuple[int, int] | None = None
    codec: Literal["libx264", "libx265"] = "libx264"
    preset: str = "fast"
    fixed_gop: bool = False
    audio: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    def encoding(self) -> dict[str, Any]:
        """Return ffmpeg's output options."""
        options: dict[str, Any] = {
            "vcodec": self.codec, "preset": self.preset, "crf": 23, "movflags": "+faststart",
        }  # fmt: skip
        if self.fixed_gop:
            options |= {"g": 2 * RATE, "keyint_min": 2 * RATE, "sc_threshold": 0}
        if self.codec == "libx265":
            options |= {"tag:v": "hvc1", "x265-params": "log-level=error"}
        return {**options, **self.options}


PORTRAIT, PORTRAIT_HD = (720, 1280), (1080, 1920)

CLIPS = (
    Recipe("tiktok/quick", 15, *PORTRAIT, (1, 3), _EVERYTHING),
    Recipe("tiktok/boxed", 24, *PORTRAIT, (2, 6), picture=(720, 406), preset="medium"),
    Recipe("tiktok/long", 90, *PORTRAIT, (1, 8), _EVERYTHING),
    Recipe("tiktok/hevc", 40, *PORTRAIT, (2, 6), codec="libx265", preset="faster"),
    Recipe("instagram/reel", 30, *PORTRAIT_HD, (1, 5), fixed_gop=True),
    Recipe("instagram/slides", 20, *PORTRAIT_HD, (3, 8), ("photo",), preset="medium", audio=False),
    Recipe("instagram/boxed", 45, *PORTRAIT_HD, (2, 6), picture=(1080, 1080), fixed_gop=True),
    Recipe("youtube/short", 60, *PORTRAIT_HD, (1, 6), _EVERYTHING),
    Recipe("youtube/takes", 40, *PORTRAIT, (12, 20), ("film", "bikes"), fixed_gop=True),
)
FILM = Recipe("youtube/film", 1200, 1280, 720, (1, 20), _EVERYTHING, preset="veryfast")

SETS: dict[str, tuple[Recipe, ...]] = {"clips": CLIPS, "film": (FILM,)}


def make(recipes: Iterable[Recipe], folder: Path, footage: Footage, seed: int = 1) -> list[Path]:
    """Make the videos below `folder` that are not there yet; return their paths.

    Raises:
        TransientError: ffmpeg failed.
    """
    paths = []
    for recipe in recipes:
        target = folder / recipe.name / "video.mp4"
        paths.append(target)
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".unfinished.mp4")
        # Seeded by name, so that a recipe more or less leaves the others as they were.
        random = Random(f"{seed} {recipe.name}")  # noqa: S311
        cut = pieces(random, recipe.seconds, *recipe.scenes, recipe.kinds)
        encode(list(cut), recipe, footage, unfinished)
        unfinished.replace(target)
    return paths


def encode(cut: list[Piece], recipe: Recipe, footage: Footage, target: Path) -> None:
    """Encode the pieces one after the other, which takes the memory of one, not of all.

    Raises:
        TransientError: ffmpeg failed.
    """
    width, height = recipe.picture or (recipe.width, recipe.height)
    raw = {"format": "rawvideo", "pix_fmt": "yuv420p"}
    video = ffmpeg.input("pipe:", s=f"{width}x{height}", r=RATE, **raw)
    if recipe.picture:
        video = video.filter("pad", recipe.width, recipe.height, "(ow-iw)/2", "(oh-ih)/2", "black")
    streams = [video]
    if recipe.audio:
        noise = f"anoisesrc=color=pink:amplitude=0.2:duration={recipe.seconds}"
        streams.append(ffmpeg.input(noise, format="lavfi"))
    sound = {"acodec": "aac", "audio_bitrate": "96k"} if recipe.audio else {}
    output = ffmpeg.output(*streams, str(target), pix_fmt="yuv420p", **sound, **recipe.encoding())
    encoder = subprocess.Popen(_command(output), stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert encoder.stdin is not None
    for piece in cut:
        stream = piece.stream(footage, width, height, RATE)
        decoder = stream.output("pipe:", vframes=round(piece.seconds * RATE), **raw)
        done = subprocess.run(
            _command(decoder), stdin=subprocess.DEVNULL, stdout=encoder.stdin,
            stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
        if done.returncode:
            encoder.kill()
            raise _failed(target, done.stderr)
    _, complaints = encoder.communicate()
    if encoder.returncode:
        raise _failed(target, complaints)


def _command(output: Any) -> list[str]:
    prefix = [program(), "-hide_banner", "-loglevel", "error", "-y"]
    command: list[str] = ffmpeg.compile(output, cmd=prefix)
    return command


def _failed(target: Path, complaints: bytes) -> TransientError:
    told = complaints.decode(errors="replace").strip()[-300:]
    return TransientError(f"{target} cannot be encoded ({told}); check ffmpeg and the disk")
