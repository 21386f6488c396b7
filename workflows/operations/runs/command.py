"""The command `runs`, and what it prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from components.records.digest import Digest
from workflows.terminal.commands import OPERATE, command
from workflows.terminal.options import JsonOption
from workflows.terminal.output import output, print_json, print_table

commands = typer.Typer()


@command(commands, OPERATE, "oriane runs", "oriane runs videos-x7k2p", "oriane runs --json")
def runs(
    name: Annotated[str, typer.Argument(metavar="[RUN]", help="Show this run's digest")] = "",
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Most runs to show")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List past runs with what became of their videos, the newest first; or one in full."""
    from workflows.local.deployment import operated_services
    from workflows.operations.runs.history import digest, digests

    with operated_services() as services:
        found = [digest(services, name)] if name else digests(services)[:limit]
    if as_json:
        print_json(found[0] if name else found)
        return
    _show_runs(found)
    if name:
        _show_rest(found[0])


def _show_runs(found: Sequence[Digest]) -> None:
    """Print a line a run."""
    if not found:
        output().print("no run has ended yet")
    counts = ("videos", "done", "reused", "rejected", "failed")
    print_table(
        ("run", "ended", *counts, "first reason"),
        counts,
        [
            (
                one.run,
                one.written_at,
                *(str(getattr(one, count)) for count in counts),
                one.reasons[0].reason if one.reasons else "",
            )
            for one in found
        ],
        most=len(found),
    )


def _show_rest(digest: Digest) -> None:
    """Print why videos stopped, and where the seconds went."""
    print_table(
        ("stopped", "phase", "reason", "videos", "e.g."),
        ("videos",),
        [
            (
                one.kind,
                one.phase,
                one.reason,
                str(one.count),
                ", ".join(example.video for example in one.examples),
            )
            for one in digest.reasons
        ],
    )
    print_table(
        ("phase", "videos", "seconds", "most"),
        ("videos", "seconds", "most"),
        [
            (phase, str(spent.videos), f"{spent.total:.1f}", f"{spent.most:.1f}")
            for phase, spent in digest.seconds.items()
        ],
    )
