"""The command `search`, and the tables that it prints."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from components.base.typed_paths import typed_path
from components.errors import ConfigurationError
from workflows.terminal.commands import SEARCH, command
from workflows.terminal.options import JsonOption
from workflows.terminal.output import errors, output, print_json, table

if TYPE_CHECKING:
    from components.settings import Settings
    from workflows.search.answer import Answer, Found, Moment
    from workflows.search.client import Answered
    from workflows.search.question import Question

commands = typer.Typer()


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
    after: Annotated[
        datetime | None, typer.Option(metavar="DATE", help="Sources written then or later, UTC")
    ] = None,
    before: Annotated[
        datetime | None, typer.Option(metavar="DATE", help="Sources written before that, UTC")
    ] = None,
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
        print_answer(output(), named, answer)
    if answered and open_page:
        _show(answered.page)


def _print_frames(
    question: Question, named: str, settings: Settings, *, open_page: bool, as_json: bool
) -> None:
    from components.base.logs import recording
    from workflows.search.ask import asking
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


def described(question: Question, image: Path | None = None) -> str:
    """Return a question in words."""
    wanted = [*question.texts, *([str(image)] if image else []), *filter(None, [question.like])]
    unwanted = [f"without {text}" for text in question.without]
    return ", ".join([*wanted, *unwanted])


def print_answer(console: Console, question: str, answer: Answer) -> None:
    """Print the moments that fit, or that none does, and those that come closest."""
    _print_moments(console, question, answer)
    if answer.undated:
        console.print(
            "Frames without a date, as earlier versions indexed them, were left out; "
            "`oriane verify --repair --yes` dates them.",
            highlight=False,
            soft_wrap=True,
        )


def _print_moments(console: Console, question: str, answer: Answer) -> None:
    if answer.fits:
        console.print(moments_table(f"“{question}”", answer.moments))
        return
    if not answer.nearest:
        console.print(f"Nothing to choose from for “{question}”: no frame passes the filters.")
        return
    console.print(
        f"Nothing fits “{question}”: no moment reaches a confidence of {answer.threshold:g}. "
        "The nearest, which --confidence 0 counts as fitting:",
        highlight=False,
        soft_wrap=True,
    )
    console.print(moments_table("", answer.nearest))


def moments_table(title: str, moments: Sequence[Moment]) -> Table:
    """Return a row a moment; `same` counts those that look the same and are left out."""
    return table(
        title,
        ("confidence", "video", "moment", "best", "same", "frame"),
        ("confidence", "best", "same"),
        [
            (
                f"{moment.confidence:.2f}",
                f"{moment.platform}/{moment.code}",
                f"{moment.start:.1f}–{moment.end:.1f} s",
                f"{moment.best.second:.2f}",
                f"+{len(moment.folded)}" if moment.folded else "",
                typed_path(moment.best.location),
            )
            for moment in moments
        ],
    )


def hits_table(query: str, hits: Sequence[Found]) -> Table:
    """Return the hits of a search, best first."""
    return table(
        f"“{query}”",
        ("score", "video", "second", "scene", "frame"),
        ("score", "second"),
        [
            (
                f"{hit.score:.3f}",
                f"{hit.platform}/{hit.code}",
                f"{hit.second:.2f}",
                f"{hit.scene_start:.1f}–{hit.scene_end:.1f} s",
                typed_path(hit.location),
            )
            for hit in hits
        ],
    )
