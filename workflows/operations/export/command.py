"""The command `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workflows.terminal.commands import SEARCH, command
from workflows.terminal.options import PlatformOption
from workflows.terminal.output import output

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
        str, typer.Option(metavar="TEXT", help="Only the frames that fit this, best first")
    ] = "",
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most frames that a search gives")
    ] = 100,
    vectors: Annotated[bool, typer.Option("--vectors", help="With the vectors")] = False,
    platform: PlatformOption = "",
    video: Annotated[
        str, typer.Option(metavar="CODE", help="Frames of the videos of this code only")
    ] = "",
) -> None:
    """Write frames, hits or vectors with their names to a file, a row a frame."""
    from components.base.logs import recording
    from components.base.wording import counted
    from components.settings import Settings
    from workflows.local.stand_ins import deployed
    from workflows.operations.export.files import check_target, write_rows
    from workflows.operations.export.rows import all_frames, found_frames, require_rows

    check_target(file, vectors=vectors)
    settings = deployed(Settings.load())
    with recording("WARNING"):
        if search:
            frames = found_frames(settings, search, limit, platform, video, vectors=vectors)
        else:
            frames = all_frames(settings, platform, video, vectors=vectors)
        count = write_rows((frame.row(vectors=vectors) for frame in frames), file)
    require_rows(count, settings)
    output().print(f"{file}: {counted(count, 'frame')}", highlight=False, markup=False)
