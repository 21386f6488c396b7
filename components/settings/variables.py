"""How an environment variable is declared, and what is known of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# What is above is no limit, and overflows where the kernel, FFmpeg or Postgres takes it.
_MOST = 10**9


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


def server_address(url: str) -> str:
    """Return the address of a server.

    Raises:
        ValueError: it does not begin with http:// or https://, or names no host, or no possible
            port.
    """
    expected = "expected http://host:port or https://host:port"
    if not url.startswith(("http://", "https://")):
        raise ValueError(expected)
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port is None or parts.port else None
    except ValueError as error:
        raise ValueError(f"{expected} ({error})") from error
    if not host or any(character.isspace() for character in host):
        raise ValueError(expected)
    return url


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
        allow_inf_nan=False,
    )
    title: ClassVar[str]
    # Variables whose text may have several lines.
    _lines: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="after")
    @classmethod
    def _in_bounds(cls, value: Any) -> Any:
        """Refuse numbers that no machine has room for."""
        if isinstance(value, int | float) and value > _MOST:
            raise ValueError(f"expected at most {_MOST}")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _of_one_line(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what cannot be seen: a Secret made of a file mostly ends with a line end."""
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not isinstance(text, str | Path) or info.field_name in cls._lines:
            return value
        if any(unicodedata.category(character) == "Cc" for character in str(text)):
            raise ValueError(
                "must not contain line ends or other control characters (a Secret or file made "
                "by echo ends with one, by printf with none)"
            )
        return value

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
