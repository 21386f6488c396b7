"""Every environment variable the project reads, grouped by what reads it.

`Settings.load()` reads them once into one frozen object. `.env.example` and `docs/settings.md`
are rendered from the declarations in this package, so a variable is described once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, get_type_hints

from pydantic import SecretStr, ValidationError

from components.base import redaction
from components.base.wrong_values import WrongValue, wrong_values
from components.errors import ConfigurationError
from components.settings.cluster import ClusterSettings
from components.settings.metrics import MetricsSettings
from components.settings.phases import (
    CropSettings,
    DedupSettings,
    EmbedSettings,
    FrameSettings,
    UploadSettings,
)
from components.settings.prices import PriceSettings
from components.settings.serve import ServeSettings
from components.settings.stores import IndexSettings, LedgerSettings, StorageSettings
from components.settings.variables import Group, Variable
from components.settings.watch import WatchSettings
from components.settings.work import LimitSettings, PlanSettings, WorkSettings

__all__ = [
    "ClusterSettings",
    "CropSettings",
    "DedupSettings",
    "EmbedSettings",
    "FrameSettings",
    "Group",
    "IndexSettings",
    "LedgerSettings",
    "LimitSettings",
    "MetricsSettings",
    "PlanSettings",
    "PriceSettings",
    "ServeSettings",
    "Settings",
    "StorageSettings",
    "UploadSettings",
    "WatchSettings",
    "WorkSettings",
]


@dataclass(frozen=True)
class Settings:
    """All groups, read together so that every wrong variable is named at once."""

    storage: StorageSettings
    limits: LimitSettings
    work: WorkSettings
    plan: PlanSettings
    crop: CropSettings
    frame: FrameSettings
    dedup: DedupSettings
    upload: UploadSettings
    embed: EmbedSettings
    index: IndexSettings
    ledger: LedgerSettings
    prices: PriceSettings
    metrics: MetricsSettings
    cluster: ClusterSettings
    serve: ServeSettings
    watch: WatchSettings

    @classmethod
    def load(cls, variables: Mapping[str, Any] = {}) -> Self:
        """Read the environment, with these variables in place of its own.

        Raises:
            ConfigurationError: naming every variable that has no usable value.
        """
        for name, value in variables.items():
            secret = value.get_secret_value() if isinstance(value, SecretStr) else value
            if isinstance(secret, str):
                redaction.hide(name, secret)
        groups: dict[str, Any] = {}
        problems: list[str] = []
        for name, group in cls.groups():
            meanings = {variable.name: variable.description for variable in group.variables()}
            try:
                known = variables.keys() & meanings.keys()
                groups[name] = group(**{key: variables[key] for key in known})
            except ValidationError as error:
                problems += [
                    f"{wrong.field} ({meanings[wrong.field]}): {wrong.why}, found {_shown(wrong)}"
                    for wrong in wrong_values(error)
                ]
        if problems:
            raise ConfigurationError("; ".join(problems))
        return cls(**groups)

    def having(self, group: str, **values: Any) -> Self:
        """Return these settings with some values of a group replaced, by field name."""
        changed = getattr(self, group).model_copy(update=values)
        return replace(self, **{group: changed})

    @classmethod
    def variables(cls) -> Iterator[Variable]:
        """Yield every environment variable, group by group."""
        for _, group in cls.groups():
            yield from group.variables()

    @classmethod
    def groups(cls) -> Iterator[tuple[str, type[Group]]]:
        """Yield each group's name and class, in order of declaration."""
        yield from get_type_hints(cls).items()


def _shown(wrong: WrongValue) -> str:
    """Quote the refused value, unless the variable is a secret."""
    secret = any(word in wrong.field for word in ("KEY", "SECRET", "PASSWORD", "TOKEN"))
    return "a value that is not shown" if secret else repr(wrong.found)
