"""The command `search`, and the table that it prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from components.base.typed_paths import typed_path
from components.errors import ConfigurationError
from workflows.terminal.commands import SEARCH, command
from workflows.terminal.options import JsonOption
from workflows.terminal.output import output, print_json, table

if TYPE_CHECKING:
    from workflows.search.query import Found

commands = typer.Typer()


@command(
    commands,
    SEARCH,
    'oriane search "a cat"',
    "oriane search --image photo.jpg --limit 3",
    'oriane search "a bicycle" --platform instagram --json',
)
def search(
    text: Annotated[str | None, typer.Argument(help="What the frames should show")] = None,
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A picture the frames should look like")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Most frames to show")] = 10,
    platform: Annotated[
        str | None, typer.Option(metavar="NAME", help="Frames of this platform only")
    ] = None,
    video: Annotated[
        str | None, typer.Option(metavar="CODE", help="Frames of this video only")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find the frames that fit a text or a picture, best first."""
    if (text is None) == (image is None):
        raise ConfigurationError("give a text or --image FILE, one of them")
    from components.base.logs import recording
    from components.settings import Settings
    from workflows.local.stand_ins import deployed
    from workflows.search.query import searcher

    query = text if text is not None else image
    assert query is not None
    with recording("WARNING"), searcher(deployed(Settings.load())) as searching:
        hits = searching.find(query, limit=limit, platform=platform, code=video)
    if as_json:
        print_json(hits)
    else:
        output().print(hits_table(str(query), hits))


def hits_table(query: str, hits: Sequence[Found]) -> Table:
    """Return the hits of a search, best first."""
    return table(
        f"“{query}”",
        ("score", "video", "second", "scene", "frame"),
        ("score", "second"),
        [
            (
                f"{hit.score:.3f}",
                f"{hit.platform}/{hit.code}",
                f"{hit.second:.2f}",
                f"{hit.scene_start:.1f}–{hit.scene_end:.1f} s",
                typed_path(hit.location),
            )
            for hit in hits
        ],
    )
