"""Where the files of the project are, for what renders some of them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTICE = "Rendered by `make docs` from {source}; edit that."


def between(text: str, name: str, lines: list[str], mark: str = "<!-- {} -->") -> str:
    """Return the text with the lines between its marks `name` replaced by these.

    Args:
        mark: A comment in the text's language, with {} in the place of what it says.

    Raises:
        ValueError: it lacks one of the marks.
    """
    begin, end = mark.format(f"{name}: make docs"), mark.format(f"end of {name}")
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"expected the lines {begin} and {end}")
    return "\n".join([before + begin, *lines, end + after])


def escaped(text: str | None) -> str:
    """Return the text as Markdown that takes no <platform> for a tag."""
    return (text or "").replace("<", "&lt;")
