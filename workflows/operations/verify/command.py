"""The command `verify`, and what it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from components.base.wording import counted
from components.errors import ConfigurationError, RunFailedError
from workflows.terminal.commands import OPERATE, command
from workflows.terminal.options import JsonOption, OfPlatformOption, YesOption
from workflows.terminal.output import output, print_json, table

if TYPE_CHECKING:
    from workflows.operations.verify.report import Finding, ReadBack, Repaired, Verification

commands = typer.Typer()

_DOES = {
    "forget": "forget {}",
    "delete_frames": "delete frames of {}",
    "delete_points": "delete points of {}",
    "remove_damaged": "remove what is damaged of {}",
    "describe_points": "describe points of {}",
    "make_due": "make {} due",
    "book": "book {} as marked",
}


@command(
    commands,
    OPERATE,
    "oriane verify",
    "oriane verify --platform instagram --json",
    "oriane verify --repair",
    "oriane verify --repair --yes --limit 100",
    "oriane verify --deep --deep-after '' --deep-videos 5000",
)
def verify(
    platform: OfPlatformOption = "",
    repair: Annotated[
        bool, typer.Option("--repair", help="Say what would mend it, and with --yes do it")
    ] = False,
    yes: YesOption = False,
    foreign_points: Annotated[
        bool,
        typer.Option("--foreign-points", help="With --repair: remove points that are not frames"),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Most videos to repair")] = 1000,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read frames and vectors of a sample of videos back")
    ] = False,
    deep_videos: Annotated[
        int, typer.Option(min=1, metavar="N", help="Videos that --deep reads back")
    ] = 100,
    deep_after: Annotated[
        str | None,
        typer.Option(
            metavar="VIDEO",
            help="Instead of a sample, read those back that follow PLATFORM/CODE, in order",
        ),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, metavar="N", help="Examples to show of each kind")
    ] = 5,
    as_json: JsonOption = False,
) -> None:
    """Compare source bucket, frames bucket, ledger and Qdrant, and mend what does not fit."""
    if yes and not repair:
        raise ConfigurationError("--yes is for --repair; give both")
    if foreign_points and not repair:
        raise ConfigurationError("--foreign-points is for --repair; give both")
    if deep_after is not None and not deep:
        raise ConfigurationError("--deep-after is for --deep; give both")
    from workflows.local.deployment import operated_services
    from workflows.operations.verify.deep import Sample
    from workflows.operations.verify.verify import verify as reconcile

    with operated_services(changing=yes) as services:
        found = reconcile(
            services,
            platform,
            examples=examples,
            mend=repair,
            apply=yes,
            limit=limit,
            foreign_points=foreign_points,
            deep=Sample(deep_videos, deep_after) if deep else None,
        )
    print_json(found) if as_json else _show(found)
    if found.repair and found.repair.applied:
        if found.repair.left:
            left = counted(found.repair.left, "video")
            raise RunFailedError(f"{left} left; run the same command again")
    elif found.findings:
        raise RunFailedError(
            "what is stored does not fit together; `oriane verify --repair` says what would mend it"
        )


def _show(found: Verification) -> None:
    """Print the findings, and what a repair did or would do."""
    console = output()
    if found.findings:
        console.print(_findings_table(found.findings))
    console.print(_compared(found))
    if found.repair:
        console.print(_repaired(found.repair))


def _findings_table(findings: tuple[Finding, ...]) -> Table:
    """Return the findings, one row a kind."""
    return table(
        "",
        ("kind", "videos", "objects", "to repair", "examples"),
        ("videos", "objects", "to repair"),
        [
            (
                one.kind,
                str(one.videos),
                str(one.objects),
                str(one.repairable),
                Text("\n").join(
                    [
                        Text(one.kind.meaning, style="dim"),
                        *(Text(f"{example.video}: {example.detail}") for example in one.examples),
                    ]
                ),
            )
            for one in findings
        ],
    )


def _compared(found: Verification) -> Text:
    """Return how much was looked at, and whether it fits."""
    foreign = ", ".join(f"{count} in {place}" for place, count in found.foreign.items() if count)
    return Text(
        f"{counted(found.videos, 'video')} and {counted(found.points, 'point')} compared"
        + ("" if found.findings else ", everything fits together")
        + (_read(found.read_back) if found.read_back else "")
        + (f"; {found.leased} left to the runs that work on them" if found.leased else "")
        + (f"; foreign and left alone: {foreign}" if foreign else "")
    )


def _read(read: ReadBack) -> str:
    """Return how much was read back, and what to type to go on."""
    text = f"; of {counted(read.videos, 'video')} {counted(read.frames, 'frame')} and "
    text += f"{counted(read.points, 'vector')} read back"
    return text + (f", go on with --deep-after {read.next_after}" if read.next_after else "")


def _repaired(repair: Repaired) -> Text:
    """Return what was done, or would be."""
    did = "did" if repair.applied else "would"
    done = [_DOES[what].format(counted(n, "video")) for what, n in repair.actions.items()]
    if repair.foreign_points:
        done.append(f"remove {counted(repair.foreign_points, 'point')} that are not frames")
    rest = "" if repair.applied else "; add --yes to do it"
    return Text(
        f"repair {did}: {'; '.join(done) or 'nothing'}. {counted(repair.videos, 'video')}, "
        f"{repair.left} left{rest}"
    )
