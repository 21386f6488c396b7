"""`oriane model`: change the model behind search without a pause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from components.services import Services
    from workflows.model_swap.backfill import Tell

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Change the model behind search without a pause (docs/models.md)",
    epilog="Example: oriane model prepare --model jinaai/jina-clip-v2",
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else")]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="ID", help="As CLIP_MODEL names it (default: CLIP_MODEL)"),
]
YesOption = Annotated[
    bool, typer.Option("--yes", help="Do it; without, say what would happen and change nothing")
]


@app.command(epilog="Examples: oriane model status · oriane model status --json")
def status(as_json: JsonOption = False) -> None:
    """List the collections behind the alias, with model, dimensions and points."""
    from workflows.model_swap.status import collections

    with _work(None) as (services, _):
        result = collections(services)
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        from workflows.model_tables import collections_table
        from workflows.tables import output

        output().print(collections_table(result))


@app.command(
    epilog="Examples: oriane model prepare --model packaged:conse · "
    "oriane model prepare --platform tiktok --limit 100"
)
def prepare(
    model: ModelOption = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Most videos to embed")
    ] = None,
    platform: Annotated[
        str | None, typer.Option(metavar="NAME", help="Videos of this platform only")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fill a collection for another model from the published frames; broken off, it goes on."""
    from workflows.model_swap.backfill import prepare as fill

    with _work(model) as (services, tell):
        result = fill(services, tell=tell, platform=platform, limit=limit)
    _show(result, "prepared", as_json)


@app.command(
    epilog="Examples: oriane model compare --model packaged:conse · "
    "oriane model compare --queries queries.txt --k 5 --json"
)
def compare(
    model: ModelOption = None,
    k: Annotated[int, typer.Option("--k", min=1, max=1000, help="Frames looked at a query")] = 10,
    sample: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="Frames taken as queries")
    ] = 100,
    queries: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Texts to ask instead, one a line")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Count what the current model and another one find alike among the first k frames."""
    from workflows.model_swap.compare import compare as overlap

    # The model of the current collection stays CLIP_MODEL's, in case it is a folder.
    with _work(None) as (services, _):
        other = model or services.settings.embed.model
        result = overlap(services, other, k=k, sample=sample, queries=queries)
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        from workflows.model_tables import overlap_table
        from workflows.tables import output

        output().print(overlap_table(result))


@app.command(
    epilog="Examples: oriane model switch --model packaged:conse · "
    "oriane model switch --model packaged:conse --yes"
)
def switch(
    model: ModelOption = None,
    yes: YesOption = False,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Switch although videos are not prepared")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Move the alias to another model's collection and rebook the done videos under it."""
    from workflows.model_swap.switch import switch as move

    with _work(model) as (services, tell):
        result = move(services, confirmed=yes, incomplete=incomplete, tell=tell)
    _show(result, "switched" if yes else "would switch; type it with --yes to do so", as_json)


@app.command(epilog="Examples: oriane model rollback · oriane model rollback --yes --json")
def rollback(yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Move the alias back to where it was before the last switch, and the bookings with it."""
    from workflows.model_swap.switch import rollback as move_back

    with _work(None) as (services, tell):
        result = move_back(services, confirmed=yes, tell=tell)
    _show(result, "rolled back" if yes else "would roll back; type it with --yes to do so", as_json)


@contextmanager
def _work(model: str | None) -> Iterator[tuple[Services, Tell]]:
    """Give services with the model, and a line on stderr that says what is going on."""
    from components import logs
    from components.settings import Settings
    from workflows.local import local_services

    settings = Settings.load()
    if model:
        settings = settings.having("embed", model=model)
    console = Console(stderr=True)
    with (
        logs.recording("WARNING"),
        console.status("starting") as line,
        local_services(settings, lambda *_: None) as services,
    ):
        yield services, line.update


def _show(result: dict[str, Any], title: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
        return
    from workflows.model_tables import outcome_table
    from workflows.tables import output

    output().print(outcome_table(title, result))
