"""What pydantic refused, in words for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import ValidationError


class WrongValue(NamedTuple):
    """Where a value was expected, what was wrong with it, and the value itself.

    `where` is the path to it, with dots; `field` is where that begins.
    """

    where: str
    why: str
    found: object

    @property
    def field(self) -> str:
        return self.where.partition(".")[0]

    def __str__(self) -> str:
        """Say all but the value, which may be a secret or long."""
        return f"{self.where}: {self.why}" if self.where else self.why


def wrong_values(error: ValidationError) -> Iterator[WrongValue]:
    """Yield every value that was refused; there is at least one."""
    for fault in error.errors(include_url=False):
        where = ".".join(map(str, fault["loc"]))
        yield WrongValue(where, fault["msg"].removeprefix("Value error, "), fault["input"])


def wrong_value(error: ValidationError) -> WrongValue:
    """Return the first value that was refused."""
    return next(wrong_values(error))
