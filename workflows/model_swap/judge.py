"""Which of two models finds better: queries whose answers are known, asked of both collections.

Known items are mined from the collection: a frame, mirrored, cropped and recompressed, has to find
itself. A file of captions asks what people would. Of captions, and of concepts that are not there,
it also counts how often the answer is that something fits.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image

from components.base.install_line import install_line
from components.base.model_names import identity
from components.encoders.load import load_encoder
from components.errors import ConfigurationError, NotFoundError
from components.frames_tar.pictures import opened
from workflows.local.first_run import require_collection
from workflows.model_swap.compare import loadable, texts_of
from workflows.model_swap.measures import K, Relevant, measured, verdict
from workflows.model_swap.reports import Answered, Judged, Measured
from workflows.model_swap.variants import variants
from workflows.search.ask import Asker
from workflows.search.background import random_texts
from workflows.search.calibration import THRESHOLD
from workflows.search.question import Question
from workflows.search.sides import ModelSides

if TYPE_CHECKING:
    from components.encoders.encoder import Encoder
    from components.running.services import Services
    from components.stores.vectors.store import Collection, Hit

Tell = Callable[[str], None]
_SEED = 0
_ITSELF, _ITS_SCENE = 2, 1
_UNSEEN = 100
_COLUMNS = ("text", "video")


@dataclass(frozen=True)
class _KnownItem:
    """A frame by which its variants must be answered; `path` is its key in the frames bucket."""

    path: str
    picture: Image.Image


@dataclass(frozen=True)
class _Side:
    """A collection with its model, and what answers questions by them."""

    collection: Collection
    encoder: Encoder
    asker: Asker


@dataclass(frozen=True)
class Judgement:
    """How well two models rank, and how often they answer; a verdict a kind of query."""

    judged: tuple[Judged, ...]
    answered: tuple[Answered, ...]


def judge(
    services: Services,
    model: str,
    *,
    sample: int,
    captions: Path | None = None,
    absent: Path | None = None,
    tell: Tell,
) -> Judgement:
    """Ask the current collection and that of `model`, each by its own model, what is known.

    Args:
        model: As CLIP_MODEL names it.
        sample: Frames that are taken as known items.
        captions: A CSV file with the columns text and video (platform/code), which is the answer.
        absent: A file with a text a line, of which no video shows anything; without it, random
            texts that hardly any does.

    Raises:
        ConfigurationError: a collection is missing, a model cannot be loaded, no published frame
            can be read, the captions or texts are not as described, or a caption's video is in no
            or one collection.
        TransientError: the first run has indexed nothing yet.
    """
    store, settings = services.vectors, services.settings
    asked = _captions(captions) if captions else []
    missing = texts_of(absent, "--absent") if absent else _unseen_texts()
    current = store.current()
    if current is None:
        require_collection(services.collection, services.settings)
    assert current is not None
    other = store.find(identity(model), settings.embed.dim)
    if captions:
        _check_videos(captions, asked, (current, other))
    items = list(_known_items(services, current, other, sample))
    if not items:
        raise ConfigurationError(
            f"no frame that {current.name} and {other.name} both hold can be read; type oriane "
            "verify, or oriane model prepare"
        )
    sides = []
    for collection, named in ((current, loadable(settings, current)), (other, model)):
        tell(f"asking {collection.name}")
        own = settings.having("embed", model=named, dim=collection.dim())
        encoder = load_encoder(own.embed)
        asker = Asker(collection, own, ModelSides(own, encoder))
        sides.append(_Side(collection, encoder, asker))
    judged = [
        verdict(
            "known items",
            _relevant_items(items, current),
            *(_known_found(items, side) for side in sides),
        )
    ]
    answers = [_answered("not there", *([_fits(side, text) for text in missing] for side in sides))]
    if asked:
        relevant = {f"q{number}": {video: 1} for number, (_, video) in enumerate(asked)}
        texts = [text for text, _ in asked]
        judged.append(
            verdict("captions", relevant, *(_caption_found(texts, side) for side in sides))
        )
        hits = ([_fits(side, text, video) for text, video in asked] for side in sides)
        answers.insert(0, _answered("captions", *hits))
    return Judgement(tuple(judged), tuple(answers))


def require_better(found: Judgement, model: str) -> None:
    """Check that the other model ranks better: surely by captions, where there are any, else by
    known items, and surely worse by neither; nor may it surely give more false answers.

    Raises:
        ConfigurationError: it is not surely better; says by how much it is.
    """
    judged, decisive = found.judged, found.judged[-1]
    false = [one for one in found.answered if one.kind == "not there" and one.share.low > 0]
    if decisive.ndcg.low > 0 and all(one.ndcg.high >= 0 for one in judged) and not false:
        return
    told = [
        f"{one.kind}: nDCG@{one.k} {one.ndcg.current:.3f} and {one.ndcg.other:.3f}, difference "
        f"{one.ndcg.low:+.3f} to {one.ndcg.high:+.3f}"
        for one in judged
    ]
    told += [
        f"answered of what is not there: {one.share.current:.0%} and {one.share.other:.0%}, "
        f"difference {one.share.low:+.3f} to {one.share.high:+.3f}"
        for one in false
    ]
    raise ConfigurationError(
        f"{model} is not surely better than the current model ({'; '.join(told)}); ask more by "
        "--sample or --captions, or switch without --if-better"
    )


def in_words(found: Judgement, model: str) -> str:
    """Return what the measures come to: better, worse, or neither for sure."""
    judged = [f"{_sure(one.ndcg)} by {one.kind}" for one in found.judged]
    told = [f"compared with the current model, {model} is {' and '.join(judged)}"]
    false = next(one.share for one in found.answered if one.kind == "not there")
    if false.low > 0 or false.high < 0:
        told.append(f"it surely gives {'more' if false.low > 0 else 'fewer'} false answers")
    try:
        require_better(found, model)
        told.append("`oriane model switch --if-better` would switch")
    except ConfigurationError:
        told.append("`oriane model switch --if-better` would refuse it")
    if len(found.judged) == 1:
        told.append("known items say nothing of texts, --captions does")
    return "; ".join(told)


def _sure(measured: Measured) -> str:
    if measured.low > 0:
        return "surely better"
    return "surely worse" if measured.high < 0 else "neither surely better nor surely worse"


def _answered(
    kind: Literal["captions", "not there"], current: Sequence[bool], other: Sequence[bool]
) -> Answered:
    return Answered(
        kind=kind, queries=len(current), confidence=THRESHOLD, share=measured(current, other)
    )


def _fits(side: _Side, text: str, video: str | None = None) -> bool:
    """Return whether the answer is that something fits; of a video, if it is given."""
    moments = side.asker.answer(Question(texts=(text,), per_video=1, limit=K)).moments
    return any(video in (None, f"{moment.platform}/{moment.code}") for moment in moments)


def _unseen_texts() -> list[str]:
    """Return random texts of which none is among those that scores are calibrated by."""
    known = random_texts()
    others = (text for text in random_texts(2 * len(known)) if text not in known)
    return list(islice(others, _UNSEEN))


def _known_items(
    services: Services, current: Collection, other: Collection, sample: int
) -> Iterator[_KnownItem]:
    """Yield frames that both collections hold and that can be read, the same ones every time."""
    bucket = services.settings.storage.frames_bucket
    sampled = current.sample(sample, _SEED)
    both = other.vectors([point.id for point in sampled])
    for point in sampled:
        if point.id not in both:
            continue
        try:
            picture = opened(services.store.get(f"s3://{bucket}/{point.path}"))
            yield _KnownItem(point.path, picture)
        except (NotFoundError, OSError, Image.DecompressionBombError):
            continue


def _relevant_items(items: Sequence[_KnownItem], current: Collection) -> Relevant:
    """Return a frame as the best answer to its variants, and others of its scene as good ones."""
    scenes: dict[str, dict[str, int]] = {}
    for video in {tuple(item.path.split("/")[:2]) for item in items}:
        of_scene: dict[float, dict[str, int]] = defaultdict(dict)
        for frame in current.frames(*video):
            of_scene[frame.scene_start][frame.path] = _ITS_SCENE
            scenes[frame.path] = of_scene[frame.scene_start]
    return {
        f"{item.path} {name}": {**scenes[item.path], item.path: _ITSELF}
        for item in items
        for name, _ in variants(item.picture)
    }


def _known_found(items: Iterable[_KnownItem], side: _Side) -> dict[str, dict[str, float]]:
    found = {}
    for item in items:
        names, pictures = zip(*variants(item.picture), strict=True)
        for name, vector in zip(names, side.encoder.embed_images(pictures), strict=True):
            hits = side.collection.search(vector.tolist(), K)
            found[f"{item.path} {name}"] = {hit.path: hit.score for hit in hits}
    return found


def _caption_found(texts: Sequence[str], side: _Side) -> dict[str, dict[str, float]]:
    found = {}
    for number, vector in enumerate(side.encoder.embed_texts(texts)):
        found[f"q{number}"] = _videos(side.collection.search(vector.tolist(), 10 * K))
    return found


def _videos(hits: Iterable[Hit]) -> dict[str, float]:
    """Return the videos of hits, each with the score of its best frame."""
    best: dict[str, float] = {}
    for hit in hits:
        best.setdefault(f"{hit.platform}/{hit.code}", hit.score)
    return best


def _captions(path: Path) -> list[tuple[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"--captions {path}: cannot be read ({error})") from error
    found = [(row.get("text") or "", row.get("video") or "") for row in rows]
    if not found:
        raise ConfigurationError(
            f"--captions {path}: expected a CSV file with the columns {' and '.join(_COLUMNS)}, "
            "found no row"
        )
    for line, (text, video) in enumerate(found, 2):
        if not text or "/" not in video:
            raise ConfigurationError(
                f"--captions {path}, line {line}: expected a text and a video as platform/code, "
                f"found {text!r} and {video!r}"
            )
    return found


def _check_videos(
    path: Path, asked: Sequence[tuple[str, str]], collections: Iterable[Collection]
) -> None:
    """Refuse captions that no search could answer, as their video is not there."""
    lines = {video: line for line, (_, video) in reversed([*enumerate(asked, 2)])}
    for collection in collections:
        for video, line in lines.items():
            platform, _, code = video.partition("/")
            if next(iter(collection.points(platform, code)), None) is None:
                raise ConfigurationError(
                    f"--captions {path}, line {line}: {video} has no frames in {collection.name}; "
                    "correct the line or take it out, or type oriane model prepare"
                )


def why_not(services: Services) -> str | None:
    """Return why models cannot be judged here, None if they can."""
    if find_spec("ir_measures") is None:
        return f"that needs ir-measures, not found here; type {install_line('compare')}"
    current = services.vectors.current()
    try:
        if current:
            loadable(services.settings, current)
    except ConfigurationError as error:
        return str(error)
    return None
