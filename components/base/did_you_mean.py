"""What a name that there is not may have been meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LIKE = 0.6


def did_you_mean(name: str, known: Iterable[str], like: float = _LIKE) -> str:
    """Return the end of a sentence that asks for the known name most like it; nothing if none is.

    Args:
        like: How much of both has to be the same, from 0 to 1 (difflib's ratio).
    """
    near = get_close_matches(name, list(known), n=1, cutoff=like)
    return f"; did you mean {near[0]}?" if near else ""
