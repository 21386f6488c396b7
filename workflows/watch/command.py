"""`oriane watch`: standing questions, asked of what each run brings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from components.base.wording import counted
from components.errors import EXIT_TRANSIENT, ConfigurationError
from workflows.terminal.commands import SEARCH, Group, command
from workflows.terminal.durations import duration
from workflows.terminal.options import AllOption, JsonOption
from workflows.terminal.output import (
    MOST_ROWS,
    errors,
    output,
    print_json,
    print_table,
    time,
)

if TYPE_CHECKING:
    from components.records.watch import Watch, WatchNotice

commands = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Ask standing questions of what each run brings",
    epilog='Example: oriane watch add "a red car" --confidence 0.6',
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As `oriane watch list` has it")]


@command(
    commands,
    SEARCH,
    'oriane watch add "a red car" --confidence 0.6',
    'oriane watch add "a cat" --name cats --webhook https://example.com/hooks/cats',
)
def add(
    text: Annotated[str, typer.Argument(help="What the moments should show")],
    confidence: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="SHARE", help="What they have to reach (default: 0.9)"),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Small letters, digits and - (default: of the text)"),
    ] = None,
    platform: Annotated[
        str | None, typer.Option(metavar="NAME", help="Videos of this platform only")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Send new moments there, signed")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Have a question asked of the new frames after each run."""
    from pydantic import ValidationError

    from components.base.wrong_values import wrong_value
    from components.records.watch import Watch
    from workflows.local.deployment import operated_services
    from workflows.search.calibration import THRESHOLD
    from workflows.watch.addresses import target
    from workflows.watch.kept import KeptWatches, name_of

    if webhook is not None:
        target(webhook)
    with operated_services() as services:
        try:
            watch = Watch(
                name=name_of(text) if name is None else name,
                text=text.strip(),
                confidence=THRESHOLD if confidence is None else confidence,
                platform=platform,
                webhook=webhook,
                model=services.collection.model() or "",
                added_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
        except ValidationError as error:
            raise ConfigurationError(str(wrong_value(error))) from error
        kept = KeptWatches(services)
        if kept.find(watch.name):
            raise ConfigurationError(
                f"there is a watch {watch.name!r} already; give another --name, or "
                f"`oriane watch remove {watch.name}` first"
            )
        kept.keep(watch)
        signed = services.settings.watch.secret is not None
    if webhook and not signed:
        errors().print("ORIANE_WEBHOOK_SECRET is not set here; where it is not, nothing is sent")
    if as_json:
        print_json(watch)
    else:
        output().print(f"watch {watch.name}: asked after each run", markup=False, highlight=False)


@command(commands, SEARCH, "oriane watch list", "oriane watch list --json", name="list")
def list_watches(as_json: JsonOption = False) -> None:
    """List the standing questions."""
    from workflows.local.deployment import operated_services
    from workflows.watch.kept import KeptWatches

    with operated_services() as services:
        found = KeptWatches(services).all()
    print_json(found) if as_json else _show(found)


@command(commands, SEARCH, "oriane watch remove a-red-car")
def remove(name: NameArgument, as_json: JsonOption = False) -> None:
    """Forget a standing question with what it has found."""
    from workflows.local.deployment import operated_services
    from workflows.watch.kept import KeptWatches

    with operated_services() as services:
        kept = KeptWatches(services)
        watch = kept.get(name)
        kept.remove(name)
    if as_json:
        print_json([watch])
    else:
        output().print(f"watch {name} is gone, with its notices", markup=False, highlight=False)


@command(
    commands,
    SEARCH,
    "oriane watch test a-red-car",
    "oriane watch test a-red-car --send",
    name="test",
)
def try_now(
    name: NameArgument,
    send: Annotated[
        bool, typer.Option("--send", help="Send what fits to the webhook, as a test")
    ] = False,
    everything: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """Ask a standing question now, of all there is; nothing counts as announced by that."""
    from workflows.local.deployment import operated_services
    from workflows.search.printed import unknown_texts
    from workflows.watch.asked import Watching
    from workflows.watch.kept import KeptWatches

    with operated_services() as services:
        watch = KeptWatches(services).get(name)
        if send and watch.webhook is None:
            raise ConfigurationError(f"--send: watch {name} has no webhook; add it with --webhook")
        watching = Watching(services)
        notice = watching.everything(watch)
        is_unknown = not as_json and watching.is_unknown(notice)
        if send:
            delivery = watching.send(watch, notice, "watch.test")
            notice = notice.model_copy(update={"webhook": delivery})
    if as_json:
        print_json(notice)
    else:
        _show_moments(notice, everything=everything)
        if is_unknown:
            output().print(unknown_texts([notice.text]), highlight=False, soft_wrap=True)
    if notice.webhook:
        _end_as([notice])


@command(
    commands,
    SEARCH,
    "oriane watch ask",
    "oriane watch ask --since 1w",
    "oriane watch ask --run videos-x7k2p",
)
def ask(
    run: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="RUN", help="Of this run; repeatable"),
    ] = None,
    since: Annotated[
        timedelta,
        typer.Option(
            parser=duration,
            metavar="AGE",
            help="Of runs that ended no longer ago",
            show_default="2d",
        ),
    ] = timedelta(days=2),
    as_json: JsonOption = False,
) -> None:
    """Ask of runs that ended elsewhere, as on a cluster, and send again what did not arrive."""
    from workflows.local.deployment import operated_services
    from workflows.watch.after_run import asked_since

    has_news = False

    def tell(line: str) -> None:
        nonlocal has_news
        has_news = True
        errors().print(line, markup=False, highlight=False, soft_wrap=True)

    with operated_services() as services:
        found = asked_since(services, run or [], datetime.now(UTC) - since, tell)
    if as_json:
        print_json(found)
    elif not has_news:
        output().print("no new moments")
    _end_as(found, told=True)


def _end_as(notices: Sequence[WatchNotice], *, told: bool = False) -> None:
    """End with 75 where a webhook was not delivered, and say why."""
    failed = [one.webhook for one in notices if one.webhook and not one.webhook.delivered]
    if not failed:
        return
    for delivery in () if told else failed:
        tries = counted(delivery.attempts, "attempt")
        errors().print(
            f"the webhook was not delivered ({tries}): {delivery.message}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    raise typer.Exit(EXIT_TRANSIENT)


def _show(watches: Sequence[Watch]) -> None:
    if not watches:
        output().print('no standing question; `oriane watch add "a red car"` adds one')
        return
    print_table(
        ("name", "text", "confidence", "platform", "webhook", "added"),
        ("confidence",),
        [
            (
                watch.name,
                watch.text,
                f"{watch.confidence:g}",
                watch.platform or "all",
                _host(watch.webhook),
                time(watch.added_at),
            )
            for watch in watches
        ],
        most=len(watches),
    )


def _host(webhook: str | None) -> str:
    """Return where a webhook goes; its path may be a secret."""
    from urllib.parse import urlsplit

    return urlsplit(webhook).netloc if webhook else ""


def _show_moments(notice: WatchNotice, *, everything: bool) -> None:
    if not notice.moments:
        output().print(
            f"Nothing of {counted(notice.frames, 'frame')} reaches a confidence of "
            f"{notice.confidence:g} for “{notice.text}”.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        return
    print_table(
        ("confidence", "video", "moment", "best", "same"),
        ("confidence", "best", "same"),
        [
            (
                f"{moment.confidence:.2f}",
                f"{moment.platform}/{moment.code}",
                f"{moment.start:.1f}–{moment.end:.1f} s",
                f"{moment.second:.2f}",
                f"+{len(moment.folded)}" if moment.folded else "",
            )
            for moment in notice.moments
        ],
        most=len(notice.moments) if everything else MOST_ROWS,
        title=f"“{notice.text}”",
    )
