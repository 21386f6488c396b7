"""How a command is added to the command line: with its panel in the help, and examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from components.errors import ConfigurationError

Function = TypeVar("Function", bound=Callable[..., Any])

# The panels of `oriane --help`, in order.
RUN, SEARCH, OPERATE, CLUSTER = "Run", "Search", "Operate", "Cluster"


class _PlainFlags:
    """Shows flags without the type of a value that they do not take."""

    def get_params(self, ctx: Any) -> list[Any]:
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if getattr(parameter, "is_flag", False) and parameter.metavar is None:
                parameter.metavar = ""
        return parameters


class _Command(_PlainFlags, TyperCommand):
    def invoke(self, ctx: Any) -> Any:
        """Run the command on arguments that are text; only files may have other names.

        Raises:
            ConfigurationError: one is not UTF-8, of which the system makes surrogates.
        """
        for name, value in ctx.params.items():
            for text in value if isinstance(value, list | tuple) else [value]:
                if isinstance(text, str) and _has_surrogates(text) and not _is_path(name, text):
                    raise ConfigurationError(f"{name} {text!r}: expected text of UTF-8")
        return super().invoke(ctx)


def _is_path(name: str, text: str) -> bool:
    return name in ("paths", "job_input") and not text.startswith("s3://")


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


class Group(_PlainFlags, TyperGroup):
    """A group of commands whose help shows flags as they are typed."""


def command(
    group: typer.Typer, panel: str, *examples: str, name: str | None = None
) -> Callable[[Function], Function]:
    """Add the decorated function to the group as a command of that name, or of another.

    Args:
        panel: Where `oriane --help` lists it.
        examples: What one may type.
    """
    label = "Example" if len(examples) == 1 else "Examples"
    return group.command(
        name, cls=_Command, rich_help_panel=panel, epilog=f"{label}: {' · '.join(examples)}"
    )
