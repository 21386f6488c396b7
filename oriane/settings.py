"""Settings as a caller gives them."""

from __future__ import annotations

from typing import Any

from components.errors import ConfigurationError
from components.settings import Settings as AllSettings


class Settings:
    """The settings of a deployment: the environment's, with these variables in place of its own.

        >>> Settings(VP_DATA_DIR="/tmp/videos", VP_TOLERANCE=3)

    `oriane config --all` lists all variables. `.env` is the command line's: it is not read here.

    Raises:
        ConfigurationError: naming every variable that is not known or has no usable value.
    """

    def __init__(self, **variables: Any) -> None:
        known = {variable.name for variable in AllSettings.variables()}
        if unknown := sorted(variables.keys() - known):
            raise ConfigurationError(
                f"{', '.join(unknown)}: not a variable of oriane; `oriane config --all` lists them"
            )
        self.all = AllSettings.load(variables)

    def __repr__(self) -> str:
        return repr(self.all)
