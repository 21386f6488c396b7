"""The command `status`, and what it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from components.errors import ConfigurationError
from workflows.terminal.commands import OPERATE, command
from workflows.terminal.options import JsonOption, PlatformOption
from workflows.terminal.output import counted, listed_counts, output, print_json, print_table

if TYPE_CHECKING:
    from workflows.operations.status.report import Overview, VideoStatus

commands = typer.Typer()


@command(
    commands, OPERATE,
    "oriane status", "oriane status instagram/DKOicvaMxAb", "oriane status --json",
)  # fmt: skip
def status(
    video: Annotated[
        str, typer.Argument(metavar="[PLATFORM/CODE]", help="Tell all about this video")
    ] = "",
    platform: PlatformOption = "",
    as_json: JsonOption = False,
) -> None:
    """Tell how many videos are booked as what, and which runs are at work; or all about one."""
    from workflows.local.deployment import operated_services
    from workflows.operations.status.status import of_video, overview

    with operated_services() as services:
        if video:
            of_one = of_video(services, *_names(video))
            print_json(of_one) if as_json else _show_video(of_one)
        else:
            of_all = overview(services, platform)
            print_json(of_all) if as_json else _show_overview(of_all)


def _names(video: str) -> tuple[str, str]:
    platform, slash, code = video.partition("/")
    if not (platform and slash and code):
        raise ConfigurationError(f"expected PLATFORM/CODE, found {video!r}")
    return platform, code


def _show_overview(found: Overview) -> None:
    """Print the counts and the runs at work."""
    if not found.states:
        output().print("nothing is booked yet")
    print_table(
        ("state", "phase", "reason", "videos", "e.g."),
        ("videos",),
        [
            (
                one.state or "",
                one.phase or "",
                one.reason or "",
                str(one.videos),
                ", ".join(one.examples),
            )
            for one in found.states
        ],
    )
    for lease in found.leases:
        output().print(
            f"run {lease.run} works on {counted(lease.videos, 'video')}, until "
            f"{lease.until:%F %R} at most",
            highlight=False,
        )


def _show_video(found: VideoStatus) -> None:
    """Print a video's booking, then its events."""
    console = output()
    console.print(found.video, style="bold", highlight=False, markup=False)
    booking = vars(found.booking) if found.booking else {"state": "forgotten"}
    for name, value in booking.items():
        if value not in (None, {}, ""):
            console.print(f"  {name}: {value}", highlight=False, markup=False)
    print_table(
        ("at", "event", "run", ""),
        (),
        [
            (f"{one.at:%F %T}", one.event, one.run or "", listed_counts(one.details))
            for one in found.events
        ],
    )
