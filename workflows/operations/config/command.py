"""The command `config`, and what it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workflows.terminal.commands import OPERATE, command
from workflows.terminal.options import JsonOption
from workflows.terminal.output import output, print_json, print_table

if TYPE_CHECKING:
    from workflows.operations.config.report import StoreAnswer

commands = typer.Typer()


@command(commands, OPERATE, "oriane config", "oriane config --all", "oriane config --json")
def config(
    everything: Annotated[
        bool, typer.Option("--all", help="Also the variables that have their default")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what is set and where, and whether each store answers; no credential is shown."""
    from components.base.logs import recording
    from workflows.operations.config.config import configuration

    with recording("ERROR"):
        found, error = configuration()
    if as_json:
        print_json(found)
    else:
        print_table(
            ("store", "answers", ""),
            (),
            [(one.store, _answers(one), one.detail) for one in found.stores],
        )
        shown = [one for one in found.settings if everything or one.source != "default"]
        print_table(
            ("variable", "value", "from", "meaning"),
            (),
            [(one.name, one.value, one.source, one.meaning) for one in shown],
            most=len(shown),
        )
        if not everything:
            rest = len(found.settings) - len(shown)
            output().print(f"{rest} variables have their defaults; --all shows them")
    if error:
        raise error


def _answers(store: StoreAnswer) -> str:
    if not store.used:
        return "–"
    return "yes" if store.answers else "no"
