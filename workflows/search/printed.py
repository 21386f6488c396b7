"""What `oriane search` prints of an answer for a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from components.base.typed_paths import typed_path
from workflows.terminal.output import table

if TYPE_CHECKING:
    from workflows.search.answer import Answer, Found, Moment
    from workflows.search.question import Question


def described(question: Question, image: Path | None = None) -> str:
    """Return a question in words."""
    wanted = [*question.texts, *([str(image)] if image else []), *filter(None, [question.like])]
    unwanted = [f"without {text}" for text in question.without]
    return ", ".join([*wanted, *unwanted])


def print_answer(console: Console, question: Question, named: str, answer: Answer) -> None:
    """Print the moments that fit, or that none does, and those that come closest.

    Args:
        named: The question in words.
    """
    _print_moments(console, question, named, answer)
    if answer.unknown:
        console.print(unknown_texts(answer.unknown), highlight=False, soft_wrap=True)
    if answer.undated:
        console.print(
            "Frames without a date, as earlier versions indexed them, were left out; "
            "`oriane verify --repair --yes` dates them.",
            highlight=False,
            soft_wrap=True,
        )


def unknown_texts(texts: Sequence[str]) -> str:
    """Return, in words, that the model hardly knows these texts, and what to do."""
    named = ", ".join(f"“{text}”" for text in texts)
    return (
        f"The model hardly knows {named}, so its confidence says little there: look at the "
        "spelling, name the thing otherwise or in English, or search by a picture of it."
    )


def _print_moments(console: Console, question: Question, named: str, answer: Answer) -> None:
    if answer.fits:
        console.print(moments_table(f"“{named}”", answer.moments))
        return
    if not answer.nearest:
        console.print(
            f"Nothing to choose from for “{named}”: {_why_nothing(question, answer)}.",
            highlight=False,
            soft_wrap=True,
        )
        return
    console.print(
        f"Nothing fits “{named}”: no moment reaches a confidence of {answer.threshold:g}. "
        "The nearest, which --confidence 0 counts as fitting:",
        highlight=False,
        soft_wrap=True,
    )
    console.print(moments_table("", answer.nearest))


def _why_nothing(question: Question, answer: Answer) -> str:
    if answer.excluded_by:
        return f"no frame passes {' '.join(_option(question, name) for name in answer.excluded_by)}"
    if question.without:
        return "what comes near it shows what --without names"
    if question.like:
        return "the collection has no other moment"
    return "the collection has no frames; `oriane run` adds some"


def _option(question: Question, name: str) -> str:
    """Return a filter as it is typed."""
    value = getattr(question, name)
    if isinstance(value, bool):
        return f"--{name}" if value else f"--un{name}"
    shown = f"{value:g}" if isinstance(value, float) else str(value).removesuffix(" 00:00:00")
    return f"--{name.replace('_', '-')} {shown}"


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
