"""`oriane model`: change the model behind search without a pause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.errors import ConfigurationError
from workflows.terminal.commands import OPERATE, Group, command
from workflows.terminal.options import JsonOption, YesOption
from workflows.terminal.output import errors, output, print_json

if TYPE_CHECKING:
    from components.running.services import Services
    from workflows.model_swap.backfill import Tell

commands = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Change the model behind search without a pause",
    epilog="Example: oriane model prepare --model jinaai/jina-clip-v2",
)

ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="ID", help="As CLIP_MODEL names it (default: CLIP_MODEL)"),
]

SampleOption = Annotated[
    int, typer.Option(min=1, max=10_000, metavar="N", help="Frames taken as queries")
]

CaptionsOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="CSV of text and video (platform/code): asked, too"),
]

AbsentOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Texts, one a line, of what no video shows (default: random pairs of things)",
    ),
]


@command(commands, OPERATE, "oriane model status", "oriane model status --json")
def status(as_json: JsonOption = False) -> None:
    """List the collections behind the alias, with model, dimensions and points."""
    from workflows.model_swap.status import collections
    from workflows.model_swap.tables import collections_table

    with _work(None, changing=False) as (services, _):
        found = collections(services)
    print_json(found) if as_json else output().print(collections_table(found))


@command(
    commands,
    OPERATE,
    "oriane model prepare --model packaged:conse",
    "oriane model prepare --platform tiktok --limit 100",
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
    from workflows.model_swap.backfill import backfill
    from workflows.model_swap.tables import prepared_table

    with _work(model) as (services, tell):
        done = backfill(services, tell=tell, platform=platform, limit=limit)
    print_json(done) if as_json else output().print(prepared_table(done))


@command(
    commands,
    OPERATE,
    "oriane model compare --model packaged:conse",
    "oriane model compare --queries queries.txt --k 5 --json",
    "oriane model compare --captions captions.csv",
)
def compare(
    model: ModelOption = None,
    k: Annotated[int, typer.Option("--k", min=1, max=1000, help="Frames looked at a query")] = 10,
    sample: SampleOption = 100,
    queries: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Texts to ask instead, one a line")
    ] = None,
    captions: CaptionsOption = None,
    absent: AbsentOption = None,
    overlap_only: Annotated[
        bool, typer.Option("--overlap-only", help="Do not judge; by frames, no model is loaded")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Judge by known answers which model finds better, and count what both find alike."""
    from workflows.model_swap.compare import compare as compared
    from workflows.model_swap.judge import Judgement, in_words, judge, why_not
    from workflows.model_swap.tables import judged_table, overlap_table

    # The model of the current collection stays CLIP_MODEL's, in case it is a folder.
    with _work(None, changing=False) as (services, tell):
        other = model or services.settings.embed.model
        found = compared(services, other, k=k, sample=sample, queries=queries)
        reason = "--overlap-only" if overlap_only else why_not(services)
        for option, file in (("--captions", captions), ("--absent", absent)):
            if reason and file:
                raise ConfigurationError(f"{option} {file}: not judged: {reason}")
        if not reason:
            verdict = judge(
                services, other, sample=sample, captions=captions, absent=absent, tell=tell
            )
            answers = {"judged": verdict.judged, "answered": verdict.answered}
            found = found.model_copy(update=answers)
    found = found.model_copy(update={"not_judged": reason})
    if as_json:
        print_json(found)
        return
    output().print(overlap_table(found))
    if reason:
        output().print(f"not judged: {reason}", markup=False)
    else:
        output().print(judged_table(found.judged, found.answered))
        told = in_words(Judgement(found.judged, found.answered), found.other.model or other)
        output().print(told, highlight=False, soft_wrap=True)


@command(
    commands,
    OPERATE,
    "oriane model switch --model packaged:conse",
    "oriane model switch --model packaged:conse --yes",
    "oriane model switch --model packaged:conse --if-better --captions captions.csv --yes",
)
def switch(
    model: ModelOption = None,
    yes: YesOption = False,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Switch although videos are not prepared")
    ] = False,
    if_better: Annotated[
        bool,
        typer.Option("--if-better", help="Refuse unless it surely answers better, as compare says"),
    ] = False,
    sample: SampleOption = 100,
    captions: CaptionsOption = None,
    absent: AbsentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move the alias to another model's collection and rebook the done videos under it."""
    from workflows.model_swap.switch import switch as move
    from workflows.model_swap.tables import switched_table

    if (captions or absent) and not if_better:
        raise ConfigurationError("--captions and --absent are for --if-better")
    if if_better:
        _require_better(model, sample, captions, absent)
    with _work(model) as (services, tell):
        done = move(services, confirmed=yes, incomplete=incomplete, tell=tell)
        named = services.settings.embed.model
    title = "switched" if yes else "would switch; type it with --yes to do so"
    print_json(done) if as_json else output().print(switched_table(title, done))
    if yes:
        _say_what_to_set(named)


@command(commands, OPERATE, "oriane model rollback", "oriane model rollback --yes --json")
def rollback(yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Move the alias back to where it was before the last switch, and the bookings with it."""
    from components.base.model_names import setting_or_folder
    from workflows.model_swap.switch import rollback as move_back
    from workflows.model_swap.tables import switched_table

    with _work(None) as (services, tell):
        done = move_back(services, confirmed=yes, tell=tell)
    title = "rolled back" if yes else "would roll back; type it with --yes to do so"
    print_json(done) if as_json else output().print(switched_table(title, done))
    if yes:
        _say_what_to_set(setting_or_folder(done.model))


def _require_better(
    model: str | None, sample: int, captions: Path | None, absent: Path | None
) -> None:
    """Judge the model as compare does.

    Raises:
        ConfigurationError: it does not surely answer better, or cannot be judged.
    """
    from workflows.model_swap.judge import judge, require_better, why_not

    with _work(None, changing=False) as (services, tell):
        other = model or services.settings.embed.model
        if reason := why_not(services):
            raise ConfigurationError(f"--if-better: {reason}")
        found = judge(services, other, sample=sample, captions=captions, absent=absent, tell=tell)
    require_better(found, other)


def _say_what_to_set(model: str) -> None:
    """Print, for a person, which CLIP_MODEL runs need from now on."""
    errors().print(
        f"next: set CLIP_MODEL={model} wherever videos are run (.env, the ConfigMap oriane-embed); "
        "where it is not set, runs on one machine follow the collection. Searches follow by "
        "themselves",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@contextmanager
def _work(model: str | None, *, changing: bool = True) -> Iterator[tuple[Services, Tell]]:
    """Give services with the model, and a line on stderr that says what is going on."""
    from components.base import logs
    from components.settings import Settings
    from workflows.local.deployment import local_services
    from workflows.local.sole_writer import sole_writer
    from workflows.local.stand_ins import deployed

    settings = deployed(Settings.load())
    if model:
        settings = settings.having("embed", model=model)
    with (
        logs.recording("WARNING"),
        errors().status("starting") as line,
        sole_writer(settings) if changing else nullcontext(),
        local_services(settings) as services,
    ):
        yield services, line.update
