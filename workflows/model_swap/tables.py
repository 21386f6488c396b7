"""Tables of `oriane model` for a person at a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from components.base.redaction import safe
from workflows.model_swap.reports import (
    Answered,
    Collections,
    Compared,
    Judged,
    Prepared,
    Switched,
)
from workflows.terminal.output import listed_counts, table

_SHOWN = 10
_MEANT = {
    "known items": "frames, mirrored, cropped and recompressed, should find themselves; 1 is best",
    "captions": "texts should find their video; 1 is best",
    "not there": "texts of which no video shows anything should find nothing; 0 is best",
}


def collections_table(found: Collections) -> Table:
    """Return the collections behind the alias, one a row."""
    return table(
        f"collections of {found.alias}",
        ("collection", "role", "model", "dimensions", "points", "status"),
        ("dimensions", "points"),
        [
            [
                _shown(cell)
                for cell in (one.name, one.role, one.model, one.dim, one.points, one.status)
            ]
            for one in found.collections
        ],
    )


def overlap_table(found: Compared) -> Table:
    """Return the queries on which two models agree least, and the mean over all."""
    title = (
        f"{found.current.model} and {found.other.model}: mean overlap@{found.k} "
        f"{found.mean_overlap:.3f} over {found.queries} queries"
    )
    result = table(
        title,
        ("most different", "overlap", "only the current", "only the other"),
        ("overlap",),
        [
            (
                one.query,
                f"{one.overlap:.2f}",
                _lines(one.only_current[:3]),
                _lines(one.only_other[:3]),
            )
            for one in found.worst
        ],
    )
    result.caption = found.note
    return result


def _lines(paths: Sequence[str]) -> Text:
    return Text("\n").join(Text(safe(path)) for path in paths)


def judged_table(judged: Sequence[Judged], answered: Sequence[Answered]) -> Table:
    """Return how well two models answer what is known, a measure a row."""
    measures = [
        (one.kind, one.queries, f"{name}@{one.k}", measured)
        for one in judged
        for name, measured in (("nDCG", one.ndcg), ("recall", one.recall))
    ] + [
        (one.kind, one.queries, f"answered, confidence {one.confidence:g}", one.share)
        for one in answered
    ]
    result = table(
        "queries whose answers are known",
        ("asked", "queries", "measure", "current", "other", "difference", "95 % interval"),
        ("queries", "current", "other", "difference", "95 % interval"),
        [
            (
                kind,
                str(queries),
                name,
                f"{measured.current:.3f}",
                f"{measured.other:.3f}",
                f"{measured.difference:+.3f}",
                f"{measured.low:+.3f} to {measured.high:+.3f}",
            )
            for kind, queries, name, measured in measures
        ],
    )
    kinds = {*(one.kind for one in judged), *(one.kind for one in answered)}
    result.caption = "\n".join(f"{kind}: {_MEANT[kind]}" for kind in _MEANT if kind in kinds)
    result.caption_justify = "left"
    return result


def prepared_table(done: Prepared) -> Table:
    """Return what was filled, a field a row, and the first videos that were skipped."""
    result = _fields("prepared", done.model_dump(exclude={"skipped", "videos"}))
    result.add_row("videos", listed_counts(done.videos.model_dump()))
    for one in done.skipped[:_SHOWN]:
        result.add_row("skipped", Text(f"{one.video}: {one.why}"))
    if len(done.skipped) > _SHOWN:
        result.add_row("skipped", f"and {len(done.skipped) - _SHOWN} more; --json lists all")
    return result


def switched_table(title: str, done: Switched) -> Table:
    """Return where the alias was and is, a field a row."""
    return _fields(title, done.model_dump(by_alias=True))


def _fields(title: str, values: dict[str, object]) -> Table:
    result = Table(title=title, title_justify="left", show_header=False)
    for name, value in values.items():
        result.add_row(name.replace("_", " "), Text(_shown(value)))
    return result


def _shown(value: object) -> str:
    return "–" if value is None else str(value)
