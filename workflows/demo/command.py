"""The command `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workflows.terminal.commands import RUN, command
from workflows.terminal.output import output

commands = typer.Typer()


@command(commands, RUN, "oriane demo")
def demo(
    packages: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder with moviepy's source package, for its trailer"),
    ] = None,
) -> None:
    """Run everything on real videos from Python packages, search them, and draw a contact sheet."""
    from components.settings import Settings
    from workflows.demo.show import show
    from workflows.run.command import end_as

    end_as(show(Settings.load(), packages, output()))
