"""How an environment variable is declared, and what is known of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field


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


class Group(BaseModel):
    """The variables of one phase or service; frozen, read from the environment when built.

    What is given by argument, by variable or by field name, goes before the environment; an empty
    variable counts as not set. pydantic-settings would do the same, but every pod would wait longer
    for its import than for that of pydantic.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, validate_default=True
    )
    title: ClassVar[str]

    def __init__(self, **values: Any) -> None:
        found = {
            variable.name: text
            for variable in self.variables()
            if variable.field not in values and (text := os.environ.get(variable.name))
        }
        super().__init__(**{**found, **values})

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
