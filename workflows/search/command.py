"""The command `search`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.errors import ConfigurationError
from workflows.terminal.commands import SEARCH, command
from workflows.terminal.options import JsonOption
from workflows.terminal.output import errors, output, print_json

if TYPE_CHECKING:
    from components.settings import Settings
    from workflows.search.answer import Answer
    from workflows.search.client import Answered
    from workflows.search.question import Question

commands = typer.Typer()


def _date(says: str) -> Any:
    return typer.Option(parser=_read_date, metavar="DATE", help=says)


def _read_date(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"expected a date such as 2026-11-01, or 2026-11-01T18:00, found {text!r}"
        ) from None


def _seconds(says: str) -> Any:
    return typer.Option(min=0, metavar="SECONDS", help=says)


@command(
    commands,
    SEARCH,
    'oriane search "a cat"',
    'oriane search "a street" --without "a car" --after 2026-01-01',
    "oriane search --image photo.jpg --limit 3",
    "oriane search --like instagram/DKOicvaMxAb/50",
    'oriane search "a cat" --open',
)
def search(
    text: Annotated[
        list[str] | None,
        typer.Argument(help="What the moments should show; several texts count alike"),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A picture they should look like")
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(metavar="FRAME", help="A frame they should look like: platform/code/number"),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="What they should not show; repeatable"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Most moments to show")] = 10,
    per_video: Annotated[
        int, typer.Option(min=0, metavar="N", help="Most moments of a video; 0 sets no bound")
    ] = 2,
    confidence: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="SHARE", help="Below it, nothing fits (default: 0.9)"),
    ] = None,
    platform: Annotated[
        str | None, typer.Option(metavar="NAME", help="Videos of this platform only")
    ] = None,
    video: Annotated[
        str | None,
        typer.Option(metavar="VIDEO", help="This video only: platform/code, or a code"),
    ] = None,
    after: Annotated[datetime | None, _date("Sources written then or later, UTC")] = None,
    before: Annotated[datetime | None, _date("Sources written before that, UTC")] = None,
    min_duration: Annotated[float | None, _seconds("Videos at least so long")] = None,
    max_duration: Annotated[float | None, _seconds("Videos at most so long")] = None,
    from_second: Annotated[
        float | None, _seconds("Frames from this second of their video on")
    ] = None,
    to_second: Annotated[float | None, _seconds("Frames up to this second of their video")] = None,
    cropped: Annotated[
        bool | None,
        typer.Option("--cropped/--uncropped", help="Videos whose borders were cut off, or not"),
    ] = None,
    frames: Annotated[
        bool,
        typer.Option(
            "--frames", help="Print the nearest frames one by one, whether they fit or not"
        ),
    ] = False,
    open_page: Annotated[
        bool, typer.Option("--open", help="Show the moments in a browser, by a running server")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find the moments that fit texts, a picture or a frame, best first, or say that none does.

    A server that runs over the same data (`oriane serve`), or that ORIANE_SERVER names, is asked.
    """
    from components.settings import Settings
    from workflows.local.stand_ins import deployed
    from workflows.search.printed import described, print_answer
    from workflows.search.question import asked
    from workflows.search.question_picture import picture_file

    settings = Settings.load()
    question = asked(
        texts=tuple(text or ()),
        without=tuple(without or ()),
        image=picture_file(image, settings),
        like=like,
        platform=platform,
        video=video,
        after=after,
        before=before,
        min_duration=min_duration,
        max_duration=max_duration,
        from_second=from_second,
        to_second=to_second,
        cropped=cropped,
        confidence=confidence,
        limit=limit,
        per_video=per_video,
    )
    named = described(question, image)
    settings = deployed(settings)
    if frames:
        _print_frames(question, named, settings, open_page=open_page, as_json=as_json)
        return
    answered = _by_server(question, settings, open_page=open_page)
    answer = answered.answer if answered else _by_itself(question, settings)
    if as_json:
        print_json(answer)
    else:
        print_answer(output(), question, named, answer)
    if answered and open_page:
        _show(answered.page)


def _print_frames(
    question: Question, named: str, settings: Settings, *, open_page: bool, as_json: bool
) -> None:
    from components.base.logs import recording
    from workflows.search.ask import asking
    from workflows.search.printed import hits_table
    from workflows.search.question_picture import with_plain_picture

    if open_page:
        raise ConfigurationError(
            "--frames: the page of --open shows moments; leave one of both out"
        )
    if settings.serve.server:
        raise ConfigurationError(
            "--frames: a server answers with moments alone; unset ORIANE_SERVER to search here"
        )
    with recording("WARNING"), asking(settings) as asker:
        hits = asker.frames(with_plain_picture(question, settings))
    if as_json:
        print_json(hits)
    elif not hits:
        output().print(f"No frame passes the filters of “{named}”.", highlight=False)
    else:
        output().print(hits_table(named, hits))


def _by_itself(question: Question, settings: Settings) -> Answer:
    from components.base.logs import recording
    from workflows.search.ask import asking
    from workflows.search.question_picture import with_plain_picture

    with recording("WARNING"), asking(settings) as asker:
        return asker.answer(with_plain_picture(question, settings))


def _by_server(question: Question, settings: Settings, *, open_page: bool) -> Answered | None:
    """Return a running server's answer; None where there is none, or none that would do.

    Raises:
        PipelineError: the server that ORIANE_SERVER names, or whose page is wanted, does not
            answer.
    """
    from workflows.search.client import WillNotAnswerError, ask, server_of

    server = server_of(settings)
    if server is None:
        if open_page:
            raise ConfigurationError(
                "--open: no server runs over this data; type oriane serve --open in another "
                "terminal, or set ORIANE_SERVER to the address of one"
            )
        return None
    try:
        return ask(server, question, settings, page=open_page)
    except WillNotAnswerError as error:
        if server.is_named or open_page:
            raise error.why from error
        errors().print(f"searching without the server: {error}", highlight=False, soft_wrap=True)
        return None


def _show(page: str | None) -> None:
    """Open the page in a browser, and say its address.

    Raises:
        ConfigurationError: the page cannot ask this.
    """
    import webbrowser

    if page is None:
        raise ConfigurationError(
            "--open: the page cannot ask this; it takes up to 8 texts of 500 characters, whole "
            "days, a video as platform/code, and at most 1000 moments of a video"
        )
    errors().print(page, highlight=False, soft_wrap=True)
    if not webbrowser.open(page):
        errors().print("no browser was found here; open this address in one", highlight=False)
