"""The command `delete`, and what it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from workflows.terminal.commands import OPERATE, command
from workflows.terminal.options import JsonOption, YesOption
from workflows.terminal.output import output, print_json, table

if TYPE_CHECKING:
    from workflows.operations.delete.report import Deleted

commands = typer.Typer()


@command(
    commands,
    OPERATE,
    "oriane delete instagram/DKOicvaMxAb",
    "oriane delete tiktok/one tiktok/two --yes",
)
def delete(
    videos: Annotated[list[str], typer.Argument(metavar="PLATFORM/CODE", help="Videos to forget")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Forget videos everywhere: frames, points, artifacts, ledger; the source stays."""
    from workflows.local.deployment import operated_services
    from workflows.operations.delete.delete import delete_videos
    from workflows.operations.delete.report import Deleted

    with operated_services(changing=yes) as services:
        found = delete_videos(videos, services, apply=yes)
    report = Deleted(applied=yes, videos=tuple(found))
    if as_json:
        print_json(report)
        return
    output().print(_table(report))
    output().print(_sources(report))
    if not yes:
        output().print("nothing was changed; add --yes to do it")


def _table(report: Deleted) -> Table:
    """Return what was stored of each video."""
    numbers = ("frames", "points", "artifacts", "markers")
    return table(
        "deleted" if report.applied else "would delete",
        ("video", *numbers, "booked as"),
        numbers,
        [
            (held.video, *(str(getattr(held, name)) for name in numbers), held.state or "nothing")
            for held in report.videos
        ],
    )


def _sources(report: Deleted) -> Text:
    """Return which videos come back, because their sources are still there."""
    back = [held.video for held in report.videos if held.source]
    if not back:
        return Text("their sources are gone")
    return Text(
        f"the source stays, and the next catch-up takes it up again: {', '.join(back)}; remove it "
        "from the source bucket to keep the video away"
    )
