"""Variables that look like ours and are none: misspelt, or of another version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

_OURS = "VP_"
# Others use these as well, so only what is nearly one of ours is spoken of.
_SHARED = ("ARGO_", "CLIP_", "DB_", "JOB_", "LOCAL_", "QDRANT_", "S3_")
_NEARLY = 0.88
_LIKE = 0.6


def unknown_variables(environment: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Yield a warning for each variable of the environment that is ignored, and should not be."""
    known = list(known)
    for name in sorted(set(environment).difference(known)):
        if name.startswith(_OURS) or name.startswith(_SHARED):
            cutoff = _LIKE if name.startswith(_OURS) else _NEARLY
            near = get_close_matches(name, known, n=1, cutoff=cutoff)
            if near:
                yield f"{name} is not a variable of oriane and ignored; did you mean {near[0]}?"
            elif name.startswith(_OURS):
                yield f"{name} is not a variable of oriane and ignored"
