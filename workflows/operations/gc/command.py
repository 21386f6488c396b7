"""The command `gc`, and what it prints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal

from workflows.terminal.commands import OPERATE, command
from workflows.terminal.durations import duration
from workflows.terminal.options import JsonOption, YesOption
from workflows.terminal.output import output, print_json, table

if TYPE_CHECKING:
    from workflows.operations.gc.report import Cleaned

commands = typer.Typer()


@command(commands, OPERATE, "oriane gc", "oriane gc --older-than 12w", "oriane gc --yes --json")
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
    """Clean up old manifests, job inputs, results that no marker names, and this machine's logs."""
    from workflows.local.deployment import operated_services
    from workflows.operations.gc.gc import clean

    with operated_services() as services:
        cleaned = clean(services, datetime.now(UTC) - older_than, apply=yes)
    print_json(cleaned) if as_json else _show(cleaned)


def _show(cleaned: Cleaned) -> None:
    """Print what was removed, or would be, and what was not."""
    console = output()
    console.print(
        table(
            "removed" if cleaned.applied else "would remove",
            ("kind", "objects", "size"),
            ("objects", "size"),
            [(kind, str(one.objects), decimal(one.bytes)) for kind, one in cleaned.expired.items()],
        )
    )
    console.print(
        f"kept for runs in progress: {cleaned.kept_leased}; foreign and left alone: "
        f"{cleaned.foreign}",
        highlight=False,
    )
    if not cleaned.applied:
        console.print("nothing was changed; add --yes to do it")
