"""Why videos stop: the tables of docs/architecture.md and docs/operations.md, from the codes."""

from __future__ import annotations

from components.errors import Failure, Reason
from workflows.reference.tree import ROOT, between


def architecture() -> str:
    """Return docs/architecture.md with the reasons for a rejection."""
    lines = ["| reason | what it means |", "|---|---|"]
    lines += [f"| `{reason}` | {reason.meaning} |" for reason in Reason]
    return between((ROOT / "docs" / "architecture.md").read_text(), "reasons", lines)


def operations() -> str:
    """Return docs/operations.md with what an operator does about each code."""
    text = (ROOT / "docs" / "operations.md").read_text()
    text = between(text, "rejected", _remedies("rejected", Reason))
    return between(text, "failed", _remedies("failed", Failure))


def _remedies(kind: str, codes: type[Reason] | type[Failure]) -> list[str]:
    return [
        f"| {kind} | meaning | what to type |",
        "|---|---|---|",
        *(f"| `{code}` | {code.meaning} | {code.remedy} |" for code in codes),
    ]
