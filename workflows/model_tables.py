"""Tables of `oriane model` for a person at a terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

_SHOWN = 10


def collections_table(status: dict[str, Any]) -> Table:
    """Return the collections behind the alias, one a row."""
    result = Table(title=Text(f"collections of {status['alias']}"), title_justify="left")
    for name in ("collection", "role", "model", "dimensions", "points", "status"):
        right = name in ("dimensions", "points")
        result.add_column(name, justify="right" if right else "left", overflow="fold")
    for member in status["collections"]:
        cells = (member[key] for key in ("name", "role", "model", "dim", "points", "status"))
        result.add_row(*(Text("–" if cell is None else str(cell)) for cell in cells))
    return result


def overlap_table(comparison: dict[str, Any]) -> Table:
    """Return the queries on which two models agree least, and the mean over all."""
    current, other = comparison["current"]["model"], comparison["other"]["model"]
    title = (
        f"{current} and {other}: mean overlap@{comparison['k']} "
        f"{comparison['mean_overlap']:.3f} over {comparison['queries']} queries"
    )
    result = Table(title=Text(title), title_justify="left", caption=comparison["note"])
    result.add_column("worst queries", overflow="fold")
    result.add_column("overlap", justify="right")
    result.add_column("only the current", overflow="fold")
    result.add_column("only the other", overflow="fold")
    for query in comparison["worst"]:
        only = (Text("\n".join(query[key][:3])) for key in ("only_current", "only_other"))
        result.add_row(Text(query["query"]), f"{query['overlap']:.2f}", *only)
    return result


def outcome_table(title: str, outcome: dict[str, Any]) -> Table:
    """Return a command's outcome, a field a row."""
    result = Table(title=title, title_justify="left", show_header=False)
    for name, value in outcome.items():
        if isinstance(value, list):
            _add_skipped(result, value)
            continue
        result.add_row(name.replace("_", " "), Text(_shown(value)))
    return result


def _add_skipped(table: Table, skipped: list[dict[str, str]]) -> None:
    for video in skipped[:_SHOWN]:
        table.add_row("skipped", Text(f"{video['video']}: {video['why']}"))
    if len(skipped) > _SHOWN:
        table.add_row("skipped", Text(f"and {len(skipped) - _SHOWN} more; --json lists all"))


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} {kind}" for kind, count in value.items())
    return "–" if value is None else str(value)
