"""Renders what is declared once into the files that describe it: python -m workflows.reference.

`.env.example` and docs/settings.md come from `components.settings`, docs/components.md from the
contracts. `--check` writes nothing and fails where a file is stale.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from components.contract import Component, components
from components.settings import Settings
from workflows import manifests
from workflows.kubeflow import rendered_kubeflow
from workflows.rendering import refresh

ROOT = Path(__file__).parent.parent
# Between these lines of README stands what `make test-pythons` found.
_TRIED_BEGIN, _TRIED_END = "<!-- make test-pythons, make docs -->", "<!-- end -->"
_NOTICE = "Rendered by `make docs` from {source}; edit that."


def rendered() -> dict[Path, str]:
    """Return the text of every rendered file by its path."""
    return {
        ROOT / ".env.example": env_example(),
        ROOT / "docs" / "settings.md": settings_page(),
        ROOT / "docs" / "components.md": components_page(),
        ROOT / "README.md": readme(),
        **{ROOT / "k8s" / path: text for path, text in manifests.rendered().items()},
        **rendered_kubeflow(),
    }


def env_example() -> str:
    """Return a .env with every variable, its meaning and its default."""
    notice = _NOTICE.format(source="components/settings").replace("`", "")
    lines = [
        f"# {notice}",
        "# Copy to .env: `oriane` reads it from the folder it is started in. A variable that is",
        "# commented out or empty has its default, which stands beside it.",
    ]
    for _, group in Settings.groups():
        lines += ["", f"# --- {group.title}"]
        for variable in group.variables():
            lines += [f"# {variable.description}", f"#{variable.name}={variable.text}"]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Return the reference of all variables, a table a group."""
    lines = ["# Settings", "", _NOTICE.format(source="`components/settings`"), ""]
    lines += [
        "Every setting is an environment variable. *Decides* marks those that decide a phase's",
        "result: changing one redoes that phase and what follows, and nothing before.",
    ]
    for _, group in Settings.groups():
        lines += ["", f"## {group.title}", "", "| variable | default | decides | meaning |"]
        lines += ["|---|---|---|---|"]
        for variable in group.variables():
            decides = "yes" if variable.decides else ""
            shown = f"`{variable.text}`" if variable.text else "–"
            meaning = _escaped(variable.description)
            lines += [f"| `{variable.name}` | {shown} | {decides} | {meaning} |"]
    return "\n".join(lines) + "\n"


def readme() -> str:
    """Return README with its table of the machines on which its two commands were run."""
    before, begin, _ = (ROOT / "README.md").read_text().partition(_TRIED_BEGIN)
    _, end, after = (ROOT / "README.md").read_text().partition(_TRIED_END)
    rows = json.loads((ROOT / "docs" / "pythons.json").read_text())
    lines = [
        "| tried on | Python | `make demo` | again, pip's cache warm | disk | `make test` | on |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {row['system']} | {row['python']} | {row['demo_from_nothing_s']} s "
            f"| {row['demo_with_pip_cache_s']} s | {row['demo_environment_mb'] / 1000:.1f} GB "
            f"| {row['tests']} | {row['date']} |"
            for row in rows
        ),
    ]
    return "\n".join([before + begin, *lines, end + after])


def components_page() -> str:
    """Return the reference of all components: inputs, outputs, resources, settings."""
    lines = ["# Components", "", _NOTICE.format(source="`components/*/contract.py`")]
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
        f"| `{prefix}{name}` | {_type(field.annotation)} | {_escaped(field.description)} |"
        for name, field in model.model_fields.items()
    ]


def _type(annotation: Any) -> str:
    name = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return f"`{name.replace('components.manifest.', '').removesuffix(', ...]')}`".replace(
        "tuple[", "list of "
    )


def _escaped(text: str | None) -> str:
    """Keep Markdown from taking <platform> for a tag."""
    return (text or "").replace("<", "&lt;")


def main() -> int:
    """Write the rendered files, or with --check tell which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    check = parser.parse_args().check
    return 0 if refresh(rendered(), check=check) else 1


if __name__ == "__main__":
    sys.exit(main())
