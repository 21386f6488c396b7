"""Numbers and counts in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the singular or with an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
