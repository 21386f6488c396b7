"""Every setting: `.env.example` and docs/settings.md, from `components.settings`."""

from __future__ import annotations

from components.settings import Settings
from workflows.reference.tree import NOTICE, escaped


def env_example() -> str:
    """Return a .env with every variable, its meaning and its default."""
    notice = NOTICE.format(source="components/settings").replace("`", "")
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
    lines = ["# Settings", "", NOTICE.format(source="`components/settings`"), ""]
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
            meaning = escaped(variable.description)
            lines += [f"| `{variable.name}` | {shown} | {decides} | {meaning} |"]
    return "\n".join(lines) + "\n"
