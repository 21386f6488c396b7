"""Compares what two models find for the same queries: the overlap of their first k frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from components.base.model_names import identity, setting_for
from components.encoders.load import load_encoder
from components.errors import ConfigurationError
from components.running.services import Services
from components.settings import Settings
from components.stores.vectors.store import Collection
from workflows.local.first_run import require_collection
from workflows.model_swap.reports import Compared, ComparedQuery

_SEED = 0
_WORST = 5


@dataclass(frozen=True)
class _Query:
    """What is asked of both collections: a text, or a frame by its own vectors."""

    text: str
    current: Sequence[float]
    other: Sequence[float]
    itself: str | None = None


def compare(
    services: Services, model: str, *, k: int, sample: int, queries: Path | None = None
) -> Compared:
    """Query the current collection and the one of `model` and count what both find.

    Args:
        model: As CLIP_MODEL names it.
        k: Frames looked at a query.
        sample: Frames taken as queries, where `queries` is None.
        queries: A file with a text a line.

    Raises:
        ConfigurationError: a collection is missing, or the file has no text.
        TransientError: the first run has indexed nothing yet.
    """
    store = services.vectors
    current = store.current()
    if current is None:
        require_collection(services.collection, services.settings)
    assert current is not None
    settings = services.settings
    other = store.find(identity(model), settings.embed.dim)
    if other.name == current.name:
        raise ConfigurationError(
            f"{store.alias!r} stands for the collection of {model} already; give the model to "
            "compare it with by --model"
        )
    asked = list(
        _texts(settings, current, other, model, queries)
        if queries
        else _frames(current, other, sample)
    )
    if not asked:
        raise ConfigurationError(
            f"{queries or other.name} has nothing to compare with; give a text a line, or type "
            "oriane model prepare first"
        )
    members = {member.name: member for member in store.members()}
    results = sorted((_result(query, current, other, k) for query in asked), key=_overlap)
    return Compared(
        k=k,
        queries=len(results),
        mean_overlap=round(fmean(map(_overlap, results)), 4),
        current=members[current.name],
        other=members[other.name],
        worst=tuple(results[:_WORST]),
    )


def _frames(current: Collection, other: Collection, sample: int) -> Iterator[_Query]:
    """Yield frames that both collections hold, as queries by their own vectors."""
    sampled = current.sample(sample, _SEED)
    vectors = other.vectors([point.id for point in sampled])
    for point in sampled:
        if point.id in vectors:
            yield _Query(point.path, point.vector, vectors[point.id].tolist(), itself=point.path)


def _texts(
    settings: Settings, current: Collection, other: Collection, model: str, queries: Path
) -> Iterator[_Query]:
    texts = texts_of(queries, "--queries")
    before = _embedded(settings, loadable(settings, current), current.dim(), texts)
    after = _embedded(settings, model, other.dim(), texts)
    for text, one, two in zip(texts, before, after, strict=True):
        yield _Query(text, one, two)


def texts_of(path: Path, option: str) -> list[str]:
    """Return the texts of a file that has one a line.

    Raises:
        ConfigurationError: it cannot be read, or has none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{option} {path}: expected a file with a text a line ({error})"
        ) from error
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise ConfigurationError(f"{option} {path}: expected a text a line, found none")
    return texts


def loadable(settings: Settings, current: Collection) -> str:
    """Return the CLIP_MODEL of the current collection's model."""
    name = current.model()
    if name is None or identity(settings.embed.model) == name:
        return settings.embed.model
    return setting_for(name)


def _embedded(settings: Settings, model: str, dim: int, texts: list[str]) -> list[list[float]]:
    encoder = load_encoder(settings.having("embed", model=model, dim=dim).embed)
    vectors: list[list[float]] = encoder.embed_texts(texts).tolist()
    return vectors


def _result(query: _Query, current: Collection, other: Collection, k: int) -> ComparedQuery:
    before = _paths(current, query.current, query.itself, k)
    after = _paths(other, query.other, query.itself, k)
    both = set(before) & set(after)
    return ComparedQuery(
        query=query.text,
        overlap=round(len(both) / max(len(before), len(after), 1), 4),
        only_current=tuple(path for path in before if path not in both),
        only_other=tuple(path for path in after if path not in both),
    )


def _paths(
    collection: Collection, vector: Sequence[float], itself: str | None, k: int
) -> list[str]:
    """Return the frames found, best first; a frame that is the query does not count."""
    hits = collection.search(vector, k + (itself is not None))
    return [hit.path for hit in hits if hit.path != itself][:k]


def _overlap(result: ComparedQuery) -> float:
    return result.overlap
