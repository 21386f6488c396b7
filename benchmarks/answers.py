"""How well questions are answered, before (nearest frames) and after (moments): docs/search.md.

The collection is the demonstration's, run with the packaged model. Its answers are known: which
photograph is shown from which second to which. `python -m benchmarks.answers DATA_DIR` prints the
tables; DATA_DIR is that of `make demo`. With `--frames N` it times warm questions among N random
vectors instead.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from components.base.model_names import PACKAGED, identity
from components.encoders.encoder import normalized
from components.records.videos import (
    CroppedVideo,
    Frame,
    FramedVideo,
    SourceVideo,
    Video,
)
from components.settings import Settings
from components.stores.vectors.open import open_store
from workflows.demo.videos import packaged_folder
from workflows.local.stand_ins import with_stand_ins
from workflows.search.ask import Asker, asking
from workflows.search.query import Found
from workflows.search.question import Question

_BIKES = (("instagram/bikes", 0.0, 10.0), ("tiktok/letterboxed", 0.0, 10.0))
_CARTOON = (("youtube/bunny", 0.0, 5.3), ("youtube/trailer", 0.0, 55.1))


def _slide(start: float, end: float) -> tuple[tuple[str, float, float], ...]:
    return (("instagram/slides", start, end),)


Places = Sequence[tuple[str, float, float]]

# Text, and where what it names is shown.
TEXTS: tuple[tuple[str, Places], ...] = (
    ("a cat", _slide(0, 3)),
    ("a tabby cat", _slide(0, 3)),
    ("a kitten looking at me", _slide(0, 3)),
    ("a cup of coffee", _slide(3, 6)),
    ("an espresso", _slide(3, 6)),
    ("a hot drink", _slide(3, 6)),
    ("a rocket", _slide(6, 9)),
    ("a missile on its launch pad", _slide(6, 9)),
    ("a spacecraft", _slide(6, 9)),
    ("a motorcycle", _slide(9, 12)),
    ("a moped", _slide(9, 12)),
    ("a camera on a tripod", _slide(12, 26)),
    ("a tripod", _slide(12, 26)),
    ("a photographer", _slide(12, 26)),
    ("a bicycle", _BIKES),
    ("a mountain bike", _BIKES),
    ("people riding bicycles", _BIKES),
    ("a rabbit", _CARTOON),
    ("a hare", _CARTOON),
)
PICTURES: tuple[tuple[str, Places], ...] = (
    ("chelsea.png", _slide(0, 3)),
    ("coffee.png", _slide(3, 6)),
    ("rocket.jpg", _slide(6, 9)),
    ("motorcycle_left.png", _slide(9, 12)),
    ("camera.png", _slide(12, 26)),
)
# What none of the videos shows; none of them is among the background's things.
ABSENT = (
    """
a piano, a violin, a trumpet, a drum kit, a guitar, a saxophone, a cello, a harp, a clarinet,
an organ, a pizza, a hamburger, a bowl of soup, a plate of sushi, a banana, a pineapple,
a strawberry, broccoli, a loaf of bread, a block of cheese, an elephant, a giraffe, a zebra,
a crocodile, a penguin, a shark, a whale, an octopus, a spider, a snake, a turtle, a parrot,
an eagle, a peacock, a camel, a cow, a pig, a sheep, a chicken, a goldfish, a train,
a submarine, a sailing ship, a canoe, an airport, a tank, a fire engine, an ambulance,
a school bus, a tractor, a castle, a temple, a mosque, a skyscraper, a bridge over a river,
a dam, a barn, a prison, a supermarket, a library, a laptop, a keyboard, a television,
a telephone, a washing machine, a refrigerator, a toaster, a bathtub, a toilet, a bed, a sofa,
a wardrobe, a candle, an umbrella, a handbag, a pair of scissors, a hammer, a chainsaw,
a ladder, a paintbrush, a basketball game, a tennis match, a swimming pool, a golf course,
ice skating, surfing, a boxing ring, a ski slope, a wedding, a funeral, an election,
a classroom, an operating theatre, a courtroom, a beach with palm trees, a desert, a waterfall,
a thunderstorm, a snowman, a choir
""".replace("\n", " ")
    .strip()
    .split(", ")
)


@dataclass(frozen=True)
class _Shown:
    """What a reader sees of a hit: a second of a video."""

    video: str
    second: float


@dataclass(frozen=True)
class _Row:
    first: float
    in_ten: float
    videos: float
    distinct: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("data"))
    parser.add_argument("--frames", type=int, default=0, help="time this many synthetic frames")
    given = parser.parse_args()
    if given.frames:
        _time_questions(given.frames)
        return
    settings = Settings.load().having("work", data_dir=given.data).having("embed", model=PACKAGED)
    with asking(with_stand_ins(settings)) as asker:
        _judge(asker)


def _judge(asker: Asker) -> None:
    def before(question: Question) -> list[_Shown]:
        return [_shown(hit) for hit in asker.frames(question)]

    def after(question: Question) -> list[_Shown]:
        return [_shown(moment.best) for moment in asker.answer(question).moments]

    def filled(question: Question) -> list[_Shown]:
        anything = question.model_copy(update={"confidence": 0.0})
        return [_shown(moment.best) for moment in asker.answer(anything).moments]

    texts = [(Question(texts=(text,)), places) for text, places in TEXTS]
    pictures = [(Question(image=_mirrored(name)), places) for name, places in PICTURES]
    print("| questions | | first | in ten | videos | pictures |\n|---|---|---|---|---|---|")
    for name, asked in (("texts", texts), ("pictures", pictures)):
        ways = (("nearest frames", before), ("moments", after), ("moments, unsure too", filled))
        for when, ask in ways:
            row = _scored(asked, ask)
            print(
                f"| {len(asked)} {name} | {when} | {row.first:.0%} | {row.in_ten:.0%} | "
                f"{row.videos:.1f} | {row.distinct:.1f} |"
            )
    answered = [asker.answer(Question(texts=(text,))) for text in ABSENT]
    false = [text for text, answer in zip(ABSENT, answered, strict=True) if answer.fits]
    missed = [
        name
        for (name, _), (question, _) in zip((*TEXTS, *PICTURES), (*texts, *pictures), strict=True)
        if not asker.answer(question).fits
    ]
    print(f"\nabsent: {len(ABSENT)}, answered as if there: {len(false)} ({', '.join(false)})")
    print(f"there, and said not to be: {len(missed)} ({', '.join(missed)})")
    print("\n| confidence | false answers | missed |\n|---|---|---|")
    for threshold in (0.5, 0.8, 0.9, 0.95, 0.99):
        wrong = sum(_best(asker, Question(texts=(text,))) >= threshold for text in ABSENT)
        lost = sum(_best(asker, question) < threshold for question, _ in (*texts, *pictures))
        print(f"| {threshold:g} | {wrong} of {len(ABSENT)} | {lost} of {len(texts + pictures)} |")


def _best(asker: Asker, question: Question) -> float:
    answer = asker.answer(question)
    found = (*answer.moments, *answer.nearest)
    return max((moment.confidence for moment in found), default=0.0)


def _scored(
    asked: Sequence[tuple[Question, Places]], ask: Callable[[Question], list[_Shown]]
) -> _Row:
    ranks, videos, distinct = [], [], []
    for question, places in asked:
        shown = ask(question)[:10]
        right = [rank for rank, one in enumerate(shown, start=1) if _is_there(one, places)]
        ranks.append(min(right, default=11))
        videos.append(len({one.video for one in shown}))
        # Of the same footage in two videos, a reader sees one.
        distinct.append(len({_footage(one) for one in shown}))
    return _Row(
        first=float(np.mean([rank == 1 for rank in ranks])),
        in_ten=float(np.mean([rank <= 10 for rank in ranks])),
        videos=float(np.mean(videos)),
        distinct=float(np.mean(distinct)),
    )


def _shown(hit: Found) -> _Shown:
    return _Shown(f"{hit.platform}/{hit.code}", hit.second)


def _is_there(shown: _Shown, places: Places) -> bool:
    return any(shown.video == video and a <= shown.second <= b for video, a, b in places)


def _footage(shown: _Shown) -> tuple[str, float]:
    return ("bikes" if "letterboxed" in shown.video else shown.video.split("/")[1], shown.second)


def _mirrored(name: str) -> bytes:
    """Return a packaged photograph mirrored, smaller and compressed, as others would have it."""
    picture = ImageOps.mirror(Image.open(packaged_folder("skimage") / name).convert("RGB"))
    picture.thumbnail((320, 320))
    with io.BytesIO() as file:
        picture.save(file, "JPEG", quality=70)
        return file.getvalue()


def _time_questions(count: int) -> None:
    """Print the CPU milliseconds of warm text questions among random vectors."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load().having("work", data_dir=Path(folder))
        settings = with_stand_ins(settings.having("embed", model=PACKAGED))
        with closing(open_store(settings.index)) as store:
            model, dim = identity(PACKAGED), 384
            store.collection().ensure(model, dim)
            for video, vectors in _random_videos(count, dim):
                store.collection().replace(video, vectors, model)
        with asking(settings) as asker:
            began = time.perf_counter()
            asker.warm(pictures=False)
            print(f"warm after {time.perf_counter() - began:.1f} s")
            nearest_s, answer_s = [], []
            for text in ABSENT:
                used = time.process_time()
                asker.frames(Question(texts=(text,)))
                nearest_s.append(time.process_time() - used)
                used = time.process_time()
                asker.answer(Question(texts=(text,)))
                answer_s.append(time.process_time() - used)
    print(
        f"{count} frames, CPU milliseconds a question (p50, p95): nearest frames "
        f"{_milliseconds(nearest_s)}, answer {_milliseconds(answer_s)}"
    )


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{np.median(seconds) * 1e3:.0f}, {np.quantile(seconds, 0.95) * 1e3:.0f}"


def _random_videos(
    count: int, dim: int, each: int = 50
) -> Iterator[tuple[FramedVideo, np.ndarray]]:
    random = np.random.default_rng(0)
    for number in range(-(-count // each)):
        video = Video(platform="tiktok", code=f"v{number}", source=f"s3://v/tiktok/v{number}/v.mp4")
        source = SourceVideo(
            video=video, etag="", bytes=1, container="mov", codec="h264", width=640, height=360,
            rotation=0, start=0.0, duration=each * 2.0,
        )  # fmt: skip
        cropped = CroppedVideo(source=source, rectangle=None)
        frames = tuple(
            Frame(number=n, second=2.0 * n, scene_start=2.0 * n, scene_end=2.0 * n + 2)
            for n in range(each)
        )
        framed = FramedVideo(cropped=cropped, rectangle=None, frames=frames, tar="s3://a/t.tar")
        yield framed, normalized(random.normal(size=(each, dim)).astype(np.float32))


if __name__ == "__main__":
    main()
