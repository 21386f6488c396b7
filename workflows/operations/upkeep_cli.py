"""The commands verify, delete and gc."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.errors import ConfigurationError, RunFailedError
from workflows.durations import duration
from workflows.options import JsonOption, operated_services

if TYPE_CHECKING:
    from rich.console import RenderableType


commands = typer.Typer()

YesOption = Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would be")]


@commands.command(
    epilog="Examples: oriane verify · oriane verify --platform instagram --json · "
    "oriane verify --repair · oriane verify --repair --yes --limit 100"
)
def verify(
    platform: Annotated[
        str, typer.Option(metavar="NAME", help="Videos of this platform only")
    ] = "",
    repair: Annotated[
        bool, typer.Option("--repair", help="Say what would mend it, and with --yes do it")
    ] = False,
    yes: YesOption = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Most videos to repair")] = 1000,
    examples: Annotated[
        int, typer.Option(min=0, metavar="N", help="Examples to show of each kind")
    ] = 5,
    as_json: JsonOption = False,
) -> None:
    """Compare source bucket, frames bucket, ledger and Qdrant, and mend what does not fit."""
    from workflows.operations.upkeep_tables import verify_lines
    from workflows.operations.verify import verify as reconcile

    if yes and not repair:
        raise ConfigurationError("--yes is for --repair; give both")
    with operated_services() as services:
        found = reconcile(
            services, platform, examples=examples, mend=repair, apply=yes, limit=limit
        )
    _print(found.as_dict(), verify_lines(found), as_json)
    if found.repair and found.repair.applied:
        if found.repair.left:
            raise RunFailedError(f"{found.repair.left} videos left; run the same command again")
    elif found.findings:
        raise RunFailedError(
            "what is stored does not fit together; `oriane verify --repair` says what would mend it"
        )


@commands.command(
    epilog="Examples: oriane delete instagram/DKOicvaMxAb · "
    "oriane delete tiktok/one tiktok/two --yes"
)
def delete(
    videos: Annotated[list[str], typer.Argument(metavar="PLATFORM/CODE", help="Videos to forget")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Forget videos everywhere: frames, points, artifacts, ledger; the source stays."""
    from workflows.operations.delete import delete_videos
    from workflows.operations.upkeep_tables import delete_lines

    with operated_services() as services:
        found = delete_videos(videos, services, apply=yes)
    report = {"applied": yes, "videos": [held.as_dict() for held in found]}
    _print(report, delete_lines(found, applied=yes), as_json)


@commands.command(
    epilog="Examples: oriane gc · oriane gc --older-than 12w · oriane gc --yes --json"
)
def gc(
    older_than: Annotated[
        timedelta,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            show_default=False,
            help="Least age, such as 12h; by default 30d",
        ),
    ] = timedelta(days=30),
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Clean the artifacts bucket of old manifests, job inputs, and results no marker names."""
    from workflows.operations.gc import clean
    from workflows.operations.upkeep_tables import clean_lines

    with operated_services() as services:
        cleaning = clean(services, datetime.now(UTC) - older_than, apply=yes)
    _print(cleaning.as_dict(), clean_lines(cleaning), as_json)


def _print(report: dict[str, Any], lines: Sequence[RenderableType], as_json: bool) -> None:
    from workflows.tables import output

    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
        return
    for line in lines:
        output().print(line)
