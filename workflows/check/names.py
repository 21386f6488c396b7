"""The names that a reference may use at some place: a tree, and what to say of one not in it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from workflows.check.tags import Reference

_SHOWN = 12


@dataclass(frozen=True)
class Names:
    """What a name stands for, and the names that may follow it after a dot.

    `value`: it can be read by itself. `open`: what follows is known only when it runs.
    `absent`: why a name that could be expected is not there; under "" why others are not.
    """

    below: Mapping[str, Names] = field(default_factory=dict)
    value: bool = False
    open: bool = False
    absent: Mapping[str, str] = field(default_factory=dict)

    def __or__(self, other: Names) -> Names:
        """Return the names of both; what one of them knows is not absent."""
        below = {**self.below, **other.below}
        for name in self.below.keys() & other.below.keys():
            below[name] = self.below[name] | other.below[name]
        absent = {**self.absent, **other.absent}
        return Names(
            below,
            self.value or other.value,
            self.open or other.open,
            {name: why for name, why in absent.items() if name and name not in below},
        )


VALUE = Names(value=True)
ANY = Names(value=True, open=True)


def values(*names: str) -> dict[str, Names]:
    """Return names that each stand for a value."""
    return dict.fromkeys(names, VALUE)


def unresolved(reference: Reference, scope: Names) -> str | None:
    """Return what is wrong with a reference, or None if it resolves."""
    at = scope
    for depth, part in enumerate(reference.parts):
        if at.open:
            return None
        if part not in at.below:
            return f"{reference.shown}: {_unknown(reference, depth, at)}"
        at = at.below[part]
    # In an expression, a map is a value too.
    if at.value or at.open or reference.expression:
        return None
    prefix = ".".join(reference.parts)
    return f"{reference.shown}: expected a name after {prefix}{alternatives('', at.below)}"


def _unknown(reference: Reference, depth: int, at: Names) -> str:
    part = reference.parts[depth]
    why = at.absent.get(part) or at.absent.get("")
    if why:
        return why
    prefix = ".".join(reference.parts[:depth])
    said = f"{prefix} has no {part!r}" if prefix else f"there is no {part!r} here"
    hyphenated = [name for name in at.below if name.startswith(f"{part}-")]
    if reference.expression and hyphenated:
        return f"{said}; in an expression a hyphen is a minus, write {prefix}['{hyphenated[0]}']"
    return said + alternatives(part, at.below)


def alternatives(name: str, known: Iterable[str]) -> str:
    """Return the end of a message: the name that was probably meant, and those that exist."""
    known = sorted(set(known))
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"{meant}; known: {', '.join(known[:_SHOWN]) or 'none'}{more}"
