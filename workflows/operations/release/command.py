"""The command `release`, and what it prints."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from components.base.wording import counted
from components.errors import ConfigurationError
from workflows.terminal.commands import OPERATE, command
from workflows.terminal.options import JsonOption
from workflows.terminal.output import output, print_json

commands = typer.Typer()


@command(commands, OPERATE, "oriane release videos-rr75v")
def release(
    run: Annotated[str, typer.Argument(metavar="RUN", help="As `status` names it")],
    as_json: JsonOption = False,
) -> None:
    """End the leases of a dead run at once; one that goes on would work on what others take."""
    from components.settings import Settings
    from components.stores.postgres.ledger import Ledger
    from workflows.operations.release.release import release as end_leases
    from workflows.operations.release.report import Released

    settings = Settings.load().ledger
    if not settings.host:
        raise ConfigurationError(
            "DB_HOST is not set; leases are kept in Postgres, and without it there are none"
        )
    with closing(Ledger(settings)) as ledger:
        released = Released(run=run, videos=end_leases(ledger, run))
    if as_json:
        print_json(released)
        return
    output().print(f"{counted(released.videos, 'video')} free again", highlight=False)
