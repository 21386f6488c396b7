"""The first lines of README: on which machines its two commands were run, and with what result."""

from __future__ import annotations

import json

from workflows.reference.tree import ROOT, between


def readme() -> str:
    """Return README with what `make test-pythons` found."""
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
    return between((ROOT / "README.md").read_text(), "tried on", lines)
