"""Finds what `{{…}}` tags and expressions refer to.

An expression is not parsed: literals are skipped, and chains such as `tasks['a'].outputs.result`
are taken out of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Stands for a tag where a manifest inside a manifest has to be read as YAML.
PLACEHOLDER = "__tag__"

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_STRING = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`"
_LINK = rf"\s*\??\.\s*(?P<dot>[A-Za-z_]\w*)|\s*\[\s*(?P<index>{_STRING})\s*\]"
_LINKS = re.compile(_LINK)
_CHAIN = re.compile(
    rf"(?P<literal>{_STRING})"
    # What follows a dot, a number or # is no beginning: `.age`, `(…).Seconds()`, `1e3`.
    rf"|(?<![\w.#$])(?P<root>[A-Za-z_]\w*)(?P<links>(?:{re.sub(r'[?]P<[a-z]+>', '?:', _LINK)})*)"
)
_LET = re.compile(r"\blet\s+([A-Za-z_]\w*)\s*=")
# Functions of expressions live in these maps.
_LIBRARIES = {"sprig"}
_ROOTS = {
    "cronworkflow", "inputs", "item", "lastRetry", "node", "outputs", "pod", "request", "response",
    "retries", "steps", "tasks", "workflow",
}  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """A name with dots, split; `shown` is how it was written, for messages."""

    parts: tuple[str, ...]
    shown: str
    expression: bool = False


def references(text: str) -> Iterator[Reference]:
    """Yield what the tags in a text refer to."""
    for match in _TAG.finditer(text):
        inside = match[1]
        if inside.startswith("="):
            yield from expression_references(inside[1:])
        # Argo leaves Go templates ({{.Name}}), which some programs take, to them.
        elif not inside.lstrip().startswith("."):
            yield Reference(tuple(inside.strip().split(".")), match[0])


def expression_references(text: str) -> Iterator[Reference]:
    """Yield what an expression without braces refers to; tags in it are looked into as well."""
    yield from references(text)
    text = _TAG.sub("0", text)
    own = {*_LET.findall(text), *_LIBRARIES}
    for match in _CHAIN.finditer(text):
        parts = _parts(match)
        # What follows `tasks.my-` is said once, of tasks.my. Single words are functions, keywords,
        # or variables of the expression.
        after_hyphen = text[: match.start()].endswith("-")
        foreign = parts and parts[0] not in own and len(parts) > 1 and not after_hyphen
        if foreign or (parts and parts[0] in _ROOTS):
            yield Reference(parts, " ".join(match[0].split()), expression=True)


def _parts(match: re.Match[str]) -> tuple[str, ...]:
    if match["literal"]:
        return ()
    links = _LINKS.finditer(match["links"])
    return (match["root"], *(link["dot"] or link["index"][1:-1] for link in links))


def has_tag(text: object) -> bool:
    """Tell whether a value is known only when it runs."""
    return isinstance(text, str) and ("{{" in text or PLACEHOLDER in text)


def is_open(text: str) -> bool:
    """Tell whether a tag is opened and not closed, which makes Argo read on into other fields."""
    return "{{" in _TAG.sub("", text)


def without_tags(text: str) -> str:
    """Return a text with a placeholder for each tag."""
    return _TAG.sub(PLACEHOLDER, text)
