"""Tables for a person at a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from components.collection import Hit


# Where there is no terminal to ask, wide enough for paths.
_WIDTH_WITHOUT_TERMINAL = 120


def output() -> Console:
    """Return the console on stdout."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH_WITHOUT_TERMINAL)


def run_table(report: dict[str, Any]) -> Table:
    """Return the report as a table, one row a video."""
    result = Table(title=f"run {report['run']}: {report['seconds']:.1f} s", title_justify="left")
    for name in ("video", "status", "length", "frames", "duplicates", "crop", "reused", "seconds"):
        right = name in ("length", "frames", "duplicates", "seconds")
        result.add_column(name, justify="right" if right else "left", overflow="fold")
    for video in report["videos"]:
        result.add_row(*map(Text, _row(video)))
    return result


def hits_table(query: str, hits: Sequence[Hit]) -> Table:
    """Return the hits of a search, best first."""
    result = Table(title=Text(f"“{query}”"), title_justify="left")
    result.add_column("score", justify="right")
    result.add_column("video", overflow="fold")
    result.add_column("second", justify="right")
    result.add_column("scene")
    result.add_column("frame file", overflow="fold")
    for hit in hits:
        result.add_row(
            f"{hit.score:.3f}",
            Text(f"{hit.platform}/{hit.code}"),
            f"{hit.second:.2f}",
            f"{hit.scene_start:.1f}–{hit.scene_end:.1f} s",
            Text(hit.path),
        )
    return result


def _row(video: dict[str, Any]) -> list[str]:
    name = f"{video['platform']}/{video['code']}"
    if video["status"] != "done":
        return [name, f"{video['status']}: {video['reason']}", "", "", "", "", "", ""]
    crop = video["crop"]
    all_reused = len(video["reused"]) == len(video["seconds"])
    return [
        name,
        "done",
        f"{video['duration']:.1f} s",
        str(len(video["frames"])),
        str(video["duplicates_removed"]),
        f"{crop['width']}x{crop['height']}+{crop['x']}+{crop['y']}" if crop else "none",
        "all" if all_reused else ", ".join(video["reused"]) or "none",
        f"{sum(video['seconds'].values()):.1f}",
    ]
