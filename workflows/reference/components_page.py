"""Every component: docs/components.md, from the contracts."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel

from components.contract import Component
from components.pipeline import components
from workflows.reference.tree import NOTICE, escaped

_MODULE = re.compile(r"components(\.[a-z_0-9]+)+\.")


def components_page() -> str:
    """Return the reference of all components: inputs, outputs, resources, settings."""
    lines = ["# Components", "", NOTICE.format(source="`components/*/contract.py`")]
    for component in components():
        lines += _component(component)
    return "\n".join(lines) + "\n"


def _component(component: Component[Any, Any]) -> list[str]:
    needs = component.resources
    gpu = f", {needs.gpu} GPU" if needs.gpu else ""
    groups = ", ".join(component.settings) or "S3 only"
    return [
        "",
        f"## {component.name}",
        "",
        f"{component.purpose}.",
        "",
        f"Needs {needs.cpu:g} CPU, {needs.memory_gib:g} GiB memory, {needs.disk_gib:g} GiB disk"
        f"{gpu}. Reads the [settings](settings.md) of {groups}.",
        "",
        "| | type | |",
        "|---|---|---|",
        *_fields("--", component.inputs),
        *_fields("--out_", component.outputs),
    ]


def _fields(prefix: str, model: type[BaseModel]) -> list[str]:
    return [
        f"| `{prefix}{name}` | {_type(field.annotation)} | {escaped(field.description)} |"
        for name, field in model.model_fields.items()
    ]


def _type(annotation: Any) -> str:
    name = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    name = _MODULE.sub("", name).removesuffix(", ...]")
    return f"`{name}`".replace("tuple[", "list of ")
