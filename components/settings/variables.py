"""How an environment variable is declared, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def variable(
    name: str,
    default: Any,
    description: str,
    *,
    decides: bool = False,
    credential: bool = False,
    **bounds: Any,
) -> Any:
    """Declare the environment variable `name`.

    `decides` says that it decides the phase's result for a video and so enters the fingerprint;
    limits, sizes of batches and addresses do not. A `credential` never leaves its Secret.
    """
    return Field(
        default,
        validation_alias=name,
        description=description,
        json_schema_extra={"decides": decides, "credential": credential},
        **bounds,
    )


@dataclass(frozen=True)
class Variable:
    """An environment variable, as a group declares it."""

    name: str
    field: str
    default: Any
    description: str
    decides: bool
    credential: bool

    @property
    def text(self) -> str:
        """The default as the environment would give it; empty where there is none."""
        if self.default is None:
            return ""
        if isinstance(self.default, bool):
            return str(int(self.default))
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default)


class Group(BaseSettings):
    """The variables of one phase or service; frozen, read from the environment when built."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        case_sensitive=True,
        env_ignore_empty=True,
        populate_by_name=True,
    )
    title: ClassVar[str]

    @field_validator("*", mode="after")
    @classmethod
    def _at_home(cls, value: Any) -> Any:
        """Take a `~` for the home folder where no shell has: in .env, or after NAME=."""
        if not isinstance(value, str | Path) or not str(value).startswith("~/"):
            return value
        try:
            path = Path(value).expanduser()
        except RuntimeError as error:
            raise ValueError("expected a whole path, as this user has no home folder") from error
        return path if isinstance(value, Path) else str(path)

    def deciding(self) -> dict[str, Any]:
        """Return the values that decide a phase's result, by variable name."""
        return {
            variable.name: getattr(self, variable.field)
            for variable in self.variables()
            if variable.decides
        }

    @classmethod
    def variables(cls) -> Iterator[Variable]:
        """Yield the group's environment variables, in order of declaration."""
        for field, declared in cls.model_fields.items():
            extra: Any = declared.json_schema_extra
            yield Variable(
                name=str(declared.validation_alias),
                field=field,
                default=declared.default,
                description=declared.description or "",
                **extra,
            )
