"""The command `export`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workflows.terminal.commands import SEARCH, command
from workflows.terminal.options import OfPlatformOption
from workflows.terminal.output import output

if TYPE_CHECKING:
    from workflows.operations.export.rows import Row

commands = typer.Typer()


@command(
    commands,
    SEARCH,
    "oriane export frames.csv",
    "oriane export vectors.npz --vectors",
    'oriane export cats.parquet --search "a cat" --limit 500 --vectors',
)
def export(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What to write: .parquet, .csv or .npz (NumPy)")
    ],
    search: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Only moments that fit this, best first; repeatable"),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most moments that a search gives")
    ] = 100,
    confidence: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="SHARE", help="Of a search: what moments have to reach"),
    ] = None,
    frames: Annotated[
        bool,
        typer.Option("--frames", help="Of a search: the nearest frames, whether they fit or not"),
    ] = False,
    vectors: Annotated[bool, typer.Option("--vectors", help="With the vectors")] = False,
    platform: OfPlatformOption = "",
    video: Annotated[
        str, typer.Option(metavar="CODE", help="Frames of the videos of this code only")
    ] = "",
) -> None:
    """Write frames to a file, a row each, or moments that fit a text, with vectors or without."""
    from components.base.logs import recording
    from components.base.wording import counted
    from components.settings import Settings
    from workflows.local.stand_ins import deployed
    from workflows.operations.export.files import check_target, write_rows
    from workflows.operations.export.rows import (
        all_frames,
        moment_rows,
        nearest_frames,
        require_rows,
    )
    from workflows.search.question import asked

    check_target(file, vectors=vectors)
    settings = deployed(Settings.load())
    with recording("WARNING"):
        if not search:
            found = all_frames(settings, platform, video, vectors=vectors)
            rows: Iterator[Row] = (frame.row(vectors=vectors) for frame in found)
        else:
            question = asked(
                texts=tuple(search),
                platform=platform or None,
                video=video or None,
                confidence=confidence,
                limit=limit,
                per_video=0,
            )
            if frames:
                found = nearest_frames(settings, question, vectors=vectors)
                rows = (frame.row(vectors=vectors) for frame in found)
            else:
                rows = moment_rows(settings, question, vectors=vectors)
        count = write_rows(rows, file)
    require_rows(count, settings)
    what = "moment" if search and not frames else "frame"
    output().print(f"{file}: {counted(count, what)}", highlight=False, markup=False)
