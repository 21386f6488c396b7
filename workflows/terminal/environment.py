"""Variables of the environment and of a .env file, and which of the two each comes from."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values

from workflows.terminal.output import errors

DOTENV = ".env"
_from_file: set[str] = set()


def load() -> None:
    """Add the variables of `.env` in the current folder; the environment's own come first."""
    if not Path(DOTENV).is_file():
        return
    for name, value in dotenv_values(DOTENV).items():
        if value is not None and name not in os.environ:
            os.environ[name] = value
            _from_file.add(name)


def source(name: str) -> str:
    """Return where a variable is set: in the environment, in .env, or not at all (default)."""
    if not os.environ.get(name):
        return "default"
    return DOTENV if name in _from_file else "environment"


def warn() -> None:
    """Say which variables look like ours and are ignored."""
    from components.settings import Settings
    from components.settings.unknown import unknown_variables

    for warning in unknown_variables(os.environ, (v.name for v in Settings.variables())):
        errors().print(f"warning: {warning}", highlight=False, markup=False, soft_wrap=True)
