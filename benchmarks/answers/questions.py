"""Questions whose answers are known: which photograph is shown from which second to which."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from benchmarks.answers.photographs import PHOTOGRAPHS, SECONDS, content, slides
from workflows.demo.videos import packaged_folder
from workflows.search.question import Question

Places = Sequence[tuple[str, float, float]]

_BIKES = (("instagram/bikes", 0.0, 10.0), ("tiktok/letterboxed", 0.0, 10.0))
_CARTOON = (("youtube/bunny", 0.0, 5.3), ("youtube/trailer", 0.0, 55.1))


def _slide(start: float, end: float) -> Places:
    return (("instagram/slides", start, end),)


# Texts for what the demonstration's videos show, and where.
_DEMONSTRATION: tuple[tuple[Places, tuple[str, ...]], ...] = (
    (_slide(0, 3), ("a cat", "a tabby cat", "a kitten looking at me")),
    (_slide(3, 6), ("a cup of coffee", "an espresso", "a hot drink")),
    (_slide(6, 9), ("a rocket", "a missile on its launch pad", "a spacecraft")),
    (_slide(9, 12), ("a motorcycle", "a moped")),
    (_slide(12, 26), ("a camera on a tripod", "a tripod", "a photographer")),
    (_BIKES, ("a bicycle", "a mountain bike", "people riding bicycles")),
    (_CARTOON, ("a rabbit", "a hare")),
)
_PICTURES = (
    ("chelsea.png", _slide(0, 3)),
    ("coffee.png", _slide(3, 6)),
    ("rocket.jpg", _slide(6, 9)),
    ("motorcycle_left.png", _slide(9, 12)),
    ("camera.png", _slide(12, 26)),
)
# What no video shows; none of it is among the things of the background's questions.
ABSENT = (
    """
a piano, a violin, a trumpet, a guitar, a saxophone, a cello, a harp, a clarinet, an organ,
a pizza, a hamburger, a bowl of soup, a plate of sushi, a banana, a pineapple, broccoli,
a loaf of bread, a block of cheese, a mushroom, an elephant, a giraffe, a zebra, a rhinoceros,
a crocodile, a penguin, a shark, a whale, an octopus, a spider, a snake, a turtle, a parrot,
a peacock, a camel, a cow, a pig, a sheep, a chicken, a goldfish, a train, a submarine,
a sailing ship, a canoe, an airport, a tank, a fire engine, an ambulance, a school bus, a tractor,
a castle, a skyscraper, a bridge over a river, a dam, a barn, a prison, a supermarket, a library,
a laptop, a keyboard, a television, a telephone, a washing machine, a refrigerator, a toaster,
a microwave oven, a bathtub, a toilet, a bed, a sofa, a wardrobe, a wheelchair, a candle,
an umbrella, a handbag, a pair of scissors, a hammer, a chainsaw, a ladder, a paintbrush,
a carousel, a basketball game, a tennis match, a swimming pool, a golf course, ice skating,
surfing, a boxing ring, a ski slope, a wedding, a funeral, an election, a classroom,
an operating theatre, a courtroom, a beach with palm trees, a waterfall, a thunderstorm, a snowman,
a choir, a violinist
""".replace("\n", " ")
    .strip()
    .split(", ")
)
# What means little to a model of English names: other languages, mistyped words, words without a
# picture, signs. Of a few it guesses right what is meant, as "koffe".
GARBLED = (
    """
ein Hund, eine Giraffe im Zoo, das Fahrrad, ein Kaffee, der Himmel, zwei Leute am Tisch,
un oiseau, la cuisine, une fille qui court, le vélo rouge, el caballo, la playa,
un niño con su perro, il gatto, una bicicletta, de hond, een fiets op straat, ryba, samochód,
köpek, bir araba, kissa, 狗, 一辆自行车, 咖啡, 天空, 犬, 自転車に乗る人, 커피, 자전거, велосипед,
кофе на столе, καφές, دراجة, كلب, חתול, बिल्ली, a bycycle, a motorcicle, koffe, a rabbbit,
an astronuat, a cemera, dgo, catt, a rokcet, between, although, very much, quickly, she said so,
what is it, to be or not to be, abc, 42, 3.14, ???, 🐶, 🚲, ☕️
""".replace("\n", " ")
    .strip()
    .split(", ")
)


@dataclass(frozen=True)
class Judged:
    """A question, where its answer is shown, and what it is about: `subject`."""

    question: Question
    places: Places
    subject: str


def demonstration_texts() -> list[Judged]:
    """Return the texts about the demonstration's videos."""
    return [
        Judged(Question(texts=(text,)), places, str(places[0]))
        for places, texts in _DEMONSTRATION
        for text in texts
    ]


def photograph_texts() -> list[Judged]:
    """Return the texts about the photographs."""
    shown = {file: (video, start, start + SECONDS) for file, video, start in slides()}
    return [
        Judged(Question(texts=(text,)), [shown[file] for file in one.files], one.file)
        for one in PHOTOGRAPHS
        for text in one.texts
    ]


def pictures(packages: Path) -> Iterator[Judged]:
    """Yield each photograph, as others would have it."""
    shown = {file: (video, start, start + SECONDS) for file, video, start in slides()}
    for name, places in _PICTURES:
        original = (packaged_folder("skimage") / name).read_bytes()
        yield Judged(Question(image=_reposted(original)), places, name)
    for one in PHOTOGRAPHS:
        for file in one.files:
            original = content(file, one.package, packages)
            yield Judged(Question(image=_reposted(original)), [shown[file]], file)


def _reposted(original: bytes) -> bytes:
    """Return a photograph mirrored, smaller and compressed again."""
    picture = ImageOps.mirror(Image.open(io.BytesIO(original)).convert("RGB"))
    picture.thumbnail((320, 320))
    with io.BytesIO() as file:
        picture.save(file, "JPEG", quality=70)
        return file.getvalue()
