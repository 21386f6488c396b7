"""What commands write: tables and lines for a person, one JSON document for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.base.redaction import redacted, safe, shown

# Where there is no terminal, no line is broken: what reads it next wants paths in one piece.
_WIDTH_WITHOUT_TERMINAL = 1000
MOST_ROWS = 20
# Each write looks for secrets.
_CHARACTERS_A_WRITE = 2**16


class SafeConsole(Console):
    """A console that takes text for text: no markup, no emoji codes, nothing unseen."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print the objects; in text, what cannot be seen is written out."""
        super().print(*(_safe(each) for each in objects), **options)


def _safe(each: Any) -> Any:
    return shown(redacted(each), keep="\n") if isinstance(each, str) else each


def output() -> Console:
    """Return the console on stdout."""
    console = SafeConsole()
    return console if console.is_terminal else SafeConsole(width=_WIDTH_WITHOUT_TERMINAL)


def errors() -> Console:
    """Return the console on stderr."""
    return SafeConsole(stderr=True)


def print_json(
    document: BaseModel | Sequence[BaseModel] | Mapping[str, Any], **lists: Iterable[object]
) -> None:
    """Print one JSON document on stdout; times in ISO 8601.

    Args:
        lists: What stands in long lists of the document, by name, whatever it holds there itself:
            printed as it is taken, so that no more than some of it is in memory.
    """
    text, length = list[str](), 0
    for piece in _pieces(document, lists):
        text.append(
            piece
            if piece.isprintable()
            else "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in piece)
        )
        length += len(piece)
        if length > _CHARACTERS_A_WRITE:
            sys.stdout.write("".join(text))
            text, length = [], 0
    print("".join(text))


def _pieces(document: Any, lists: Mapping[str, Iterable[object]]) -> Iterator[str]:
    """Yield the document in JSON, no string of it in two pieces."""
    if not isinstance(document, BaseModel):
        yield _json(document)
        return
    for number, (name, value) in enumerate(_members(document, lists)):
        yield f"{', ' if number else '{'}{_json(name)}: "
        if name not in lists:
            yield _json(value)
            continue
        yield "["
        for place, each in enumerate(value):
            yield f"{', ' if place else ''}{_json(each)}"
        yield "]"
    yield "}"


def _members(document: BaseModel, lists: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    fields = {*type(document).model_fields}
    for name in type(document).model_fields:
        if name in lists:
            yield name, lists[name]
        else:
            yield from document.model_dump(by_alias=True, include={name}).items()
    # What is computed, and what a later version wrote.
    yield from document.model_dump(by_alias=True, exclude=fields).items()


def _json(document: Any) -> str:
    return json.dumps(_plain(document), ensure_ascii=False, default=_shown)


def _plain(document: Any) -> Any:
    if isinstance(document, BaseModel):
        return document.model_dump(by_alias=True)
    if is_dataclass(document):
        return to_jsonable_python(document, by_alias=True)
    if isinstance(document, Sequence) and not isinstance(document, str):
        return [_plain(each) for each in document]
    return document


def _shown(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def table(
    title: str, names: Sequence[str], numbers: Sequence[str], rows: Sequence[Sequence[str | Text]]
) -> Table:
    """Return a table with a column a name; `numbers` are those whose cells stand on the right."""
    result = Table(title=Text(safe(title)) if title else None, title_justify="left")
    for name in names:
        result.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text) else Text(safe(cell)) for cell in row))
    return result


def print_table(
    names: Sequence[str],
    numbers: Sequence[str],
    rows: Sequence[Sequence[str]],
    most: int = MOST_ROWS,
    title: str = "",
    of: int | None = None,
) -> None:
    """Print a table of the first rows, and how many more there are; nothing without a row.

    Args:
        of: How many there are in all, where no more than the first are given.
    """
    if not rows:
        return
    console = output()
    console.print(table(title, names, numbers, rows[:most]))
    if (more := (of or len(rows)) - most) > 0:
        console.print(f"… and {more} more; --all shows them", highlight=False)


def time(moment: datetime | str | None) -> str:
    """Return a moment as every command shows one: to the second, in this machine's zone, named."""
    if not moment:
        return ""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def listed_counts(counts: Mapping[str, Any]) -> str:
    """Return `2 new, 1 stale` of counts by name."""
    return ", ".join(f"{value} {name}" for name, value in counts.items())
