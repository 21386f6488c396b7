"""Starts `oriane`, or says what to install: the package alone has only what every phase needs."""

from __future__ import annotations

import sys
import traceback

from components.base.install_line import install_line
from components.errors import ConfigurationError

_OWN = {"components", "oriane", "workflows"}
# Which extra brings a package, where it is not the one for a single machine.
_EXTRAS = {"hera": "cluster", "yaml": "cluster", "kfp": "kubeflow"}


def main() -> None:
    """Run the command line; a package that is not installed ends it with 78, and how to add it."""
    try:
        from workflows.cli.app import main as run

        run()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in _OWN or not _asked_for_here(error):
            raise
        line = install_line(_EXTRAS.get(package, "local"))
        print(f"error: this needs {package}, not found here; type {line}", file=sys.stderr)  # noqa: T201, rich may be what is missing
        sys.exit(ConfigurationError.exit_code)


def _asked_for_here(error: ModuleNotFoundError) -> bool:
    """Return whether code of this project imported it; another package's fault is not mended so."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals["__name__"]).partition(".")[0] in _OWN
