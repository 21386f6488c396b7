"""Why videos stop: tables of docs/architecture.md and docs/operations.md, from the codes."""

from __future__ import annotations

from components.errors import Failure, Reason
from workflows.reference.tree import ROOT, between


def rejections() -> list[str]:
    """Return the table of the reasons for a rejection."""
    lines = ["| reason | what it means |", "|---|---|"]
    return lines + [f"| `{reason}` | {reason.meaning} |" for reason in Reason]


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
