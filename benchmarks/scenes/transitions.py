"""Videos of shots joined by transitions of one kind, so that every scene's start is known.

The shots are stretches of Big Buck Bunny that have no cut, looked through by eye, and photographs
that a camera pans over (see `benchmarks.footage`).
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

import ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.footage import Footage
from components.errors import TransientError
from components.media.ffmpeg import program

Kind = Literal["cut", "dissolve", "fade"]
Pictures = NDArray[np.uint8]

RATE = 25
WIDTH, HEIGHT = 640, 360
# Seconds for which a shot is shown alone, and so wants a frame of its own.
ALONE_S = 3.0
# Stretches of the film without a cut: from, and for how many seconds.
_SHOTS = (
    (48.0, 7.8), (63.9, 5.4), (80.2, 9.2), (104.2, 8.2), (112.9, 4.9), (127.5, 18.0),
    (149.3, 6.5), (169.8, 6.2), (180.7, 5.1), (214.0, 6.3), (232.7, 9.0), (243.7, 6.9),
    (270.5, 5.3), (284.9, 7.1), (340.0, 6.2), (356.5, 14.0), (381.5, 9.0), (399.9, 4.9),
    (444.9, 6.6), (452.9, 5.2), (473.1, 6.9),
)  # fmt: skip
_PHOTOS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "gravel.png",
    "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "retina.jpg",
    "rocket.jpg",
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """A video: how its shots are joined, in how many seconds, and what else happens.

    Args:
        still: Photographs that stand still, as in a slide show; else mostly moving pictures.
        flashes: Within each shot, white for two to four frames.
    """

    name: str
    kind: Kind
    seconds: float
    shots: int = 16
    still: bool = False
    flashes: bool = False


RECIPES = (
    Recipe("cuts", "cut", 0),
    Recipe("dissolves of 0.5 s", "dissolve", 0.5),
    Recipe("dissolves of 1 s", "dissolve", 1.0),
    Recipe("dissolves of 2 s", "dissolve", 2.0),
    Recipe("fades", "fade", 1.0),
    Recipe("slides", "dissolve", 1.0, shots=12, still=True),
    Recipe("cuts and flashes", "cut", 0, flashes=True),
)


@dataclass(frozen=True)
class Truth:
    """When each transition begins and ends, and how long the video is, in seconds."""

    transitions: tuple[tuple[float, float], ...]
    length: float

    @property
    def shots(self) -> list[tuple[float, float]]:
        """When each shot is shown alone: from and to, in seconds."""
        starts = [0.0, *(end for _, end in self.transitions)]
        ends = [*(start for start, _ in self.transitions), self.length]
        return list(zip(starts, ends, strict=True))


def make(recipe: Recipe, footage: Footage, target: Path, seed: int = 1) -> Truth:
    """Encode the video to `target`, unless it is there; return its truth.

    Raises:
        TransientError: ffmpeg failed.
    """
    steps = round(recipe.seconds * RATE)
    alone = round(ALONE_S * RATE)
    # Of a fade, one half belongs to either shot; in a dissolve both are shown all the time.
    extra = steps // 2 if recipe.kind == "fade" else steps
    transitions = []
    for number in range(1, recipe.shots):
        first = number * (alone + steps) - steps
        transitions.append((first / RATE, (first + steps) / RATE))
    truth = Truth(tuple(transitions), (recipe.shots * (alone + steps) - steps) / RATE)
    if target.exists():
        return truth
    random = Random(f"{seed} {recipe.name}")  # noqa: S311
    shots = _shots(recipe, footage, alone + 2 * extra, random)
    if recipe.flashes:
        for shot in shots:
            _flash(shot, random)
    target.parent.mkdir(parents=True, exist_ok=True)
    _encode(_joined(shots, recipe.kind, alone, extra), target)
    return truth


def _shots(recipe: Recipe, footage: Footage, frames: int, random: Random) -> list[Pictures]:
    """Return as many shots as wanted, two of three from the film."""
    long = [shot for shot in _SHOTS if shot[1] * RATE >= frames]
    film = random.sample(long, len(long))
    photos = random.sample(_PHOTOS, len(_PHOTOS))
    found = []
    for number in range(recipe.shots):
        if recipe.still or number % 3 == 2 or not film:
            photo = footage.photos / photos.pop()
            found.append(_panned(photo, frames, 0 if recipe.still else random.choice((-1, 1))))
        else:
            found.append(_filmed(footage, film.pop()[0], frames))
    return found


def _filmed(footage: Footage, start: float, frames: int) -> Pictures:
    assert footage.film, "the film is unpacked"
    video = ffmpeg.input(str(footage.film), ss=start, t=frames / RATE + 1).video
    video = video.filter("fps", RATE).filter("scale", WIDTH, HEIGHT)
    raw = {"format": "rawvideo", "pix_fmt": "rgb24", "vframes": frames}
    done = _run(video.output("pipe:", **raw))
    return np.frombuffer(done, np.uint8).reshape(-1, HEIGHT, WIDTH, 3).copy()


def _panned(photo: Path, frames: int, direction: int) -> Pictures:
    """Return a photograph, still or moving by a fifth of its width."""
    wide = WIDTH * 6 // 5
    picture = np.asarray(ImageOps.fit(Image.open(photo).convert("RGB"), (wide, HEIGHT)))
    path = np.linspace(0, wide - WIDTH, frames)[:: direction or 1] * abs(direction)
    return np.stack([picture[:, round(left) : round(left) + WIDTH] for left in path])


def _flash(shot: Pictures, random: Random) -> None:
    lasts = random.randint(2, 4)
    at = random.randrange(RATE, len(shot) - RATE)
    part = shot[at : at + lasts].astype(np.float32)
    shot[at : at + lasts] = np.round(0.15 * part + 0.85 * 255)


def _joined(shots: Sequence[Pictures], kind: Kind, alone: int, extra: int) -> list[Pictures]:
    """Return stretches of pictures: shots alone, and what is between them."""
    parts: list[Pictures] = []
    rising = (np.arange(1, extra + 1) / (extra + 1))[:, None, None, None].astype(np.float32)
    for number, shot in enumerate(shots):
        parts.append(shot[extra : extra + alone])
        if number + 1 < len(shots) and extra:
            leaving, coming = shot[extra + alone :], shots[number + 1][:extra]
            if kind == "fade":
                parts += [
                    _blend(0 * leaving, leaving, 1 - rising),
                    _blend(0 * coming, coming, rising),
                ]
            else:
                parts.append(_blend(leaving, coming, rising))
    return parts


def _blend(one: Pictures, other: Pictures, share: NDArray[np.float32]) -> Pictures:
    return np.round((1 - share) * one + share * other).astype(np.uint8)


def _encode(parts: Sequence[Pictures], target: Path) -> None:
    """Encode as a platform does, keyframes where x264 puts them."""
    raw = {"format": "rawvideo", "pix_fmt": "rgb24", "s": f"{WIDTH}x{HEIGHT}", "r": RATE}
    encoding = {"vcodec": "libx264", "preset": "fast", "crf": 23, "pix_fmt": "yuv420p"}
    unfinished = target.with_suffix(".unfinished.mp4")
    output = ffmpeg.input("pipe:", **raw).output(str(unfinished), **encoding)
    _run(output, b"".join(part.tobytes() for part in parts))
    unfinished.replace(target)


def _run(output: Any, given: bytes = b"") -> bytes:
    prefix = [program(), "-hide_banner", "-loglevel", "error", "-y"]
    command: list[str] = ffmpeg.compile(output, cmd=prefix)
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()[-300:]
        raise TransientError(f"ffmpeg failed ({told}); check it and the disk")
    return done.stdout
