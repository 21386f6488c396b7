"""The command `status`, and what it prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from components.base.wording import counted
from components.errors import ConfigurationError
from workflows.terminal.commands import OPERATE, command
from workflows.terminal.options import AllOption, JsonOption, OfPlatformOption, platform_and_code
from workflows.terminal.output import MOST_ROWS, output, print_json, print_table, time
from workflows.terminal.reasons import check_reason

if TYPE_CHECKING:
    from workflows.operations.status.report import Overview, StoppedVideo

commands = typer.Typer()


@command(
    commands, OPERATE,
    "oriane status", "oriane status instagram/DKOicvaMxAb", "oriane status --failed --json",
)  # fmt: skip
def status(
    video: Annotated[
        str, typer.Argument(metavar="[PLATFORM/CODE]", help="Tell all about this video")
    ] = "",
    platform: OfPlatformOption = "",
    failed: Annotated[bool, typer.Option("--failed", help="List the videos that failed")] = False,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="List the videos that are rejected")
    ] = False,
    reason: Annotated[
        str, typer.Option(metavar="REASON", help="List the videos that stopped for this reason")
    ] = "",
    everything: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """Tell how many videos are booked as what, and which runs are at work; or all about one."""
    check_reason(reason)
    states = {state for state, wanted in (("failed", failed), ("rejected", rejected)) if wanted}
    if video and (states or reason):
        raise ConfigurationError("give a video, or --failed, --rejected or --reason")
    from workflows.local.deployment import operated_services
    from workflows.operations.status.status import of_video, overview, stopped
    from workflows.operations.status.words import print_video

    with operated_services() as services:
        if states or reason:
            found = stopped(services, platform, states or {"failed", "rejected"}, reason)
            print_json(found) if as_json else _show_stopped(found, everything=everything)
        elif video:
            of_one = of_video(services, *platform_and_code(video))
            print_json(of_one) if as_json else print_video(of_one)
        else:
            of_all = overview(services, platform)
            print_json(of_all) if as_json else _show_overview(of_all, everything=everything)


def _show_stopped(found: Sequence[StoppedVideo], *, everything: bool) -> None:
    """Print a line a video."""
    if not found:
        output().print("no such video is booked")
    print_table(
        ("video", "state", "phase", "reason", "booked", "message"),
        (),
        [
            (one.video, one.state, one.phase or "", one.reason or "", time(one.booked_at),
             one.message or "")
            for one in found
        ],
        most=len(found) if everything else MOST_ROWS,
    )  # fmt: skip


def _show_overview(found: Overview, *, everything: bool) -> None:
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
        most=len(found.states) if everything else MOST_ROWS,
    )
    for lease in found.leases:
        output().print(
            f"run {lease.run} works on {counted(lease.videos, 'video')}, until "
            f"{time(lease.until)} at most",
            highlight=False,
        )
