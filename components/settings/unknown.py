"""Variables that look like ours and are none: misspelt, or of another version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from components.base.did_you_mean import did_you_mean

_OURS = "VP_"
# Others use these as well, so only what is nearly one of ours is spoken of.
_SHARED = ("ARGO_", "CLIP_", "DB_", "JOB_", "LOCAL_", "QDRANT_", "S3_")
_NEARLY = 0.88


def unknown_variables(environment: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Yield a warning for each variable of the environment that is ignored, and should not be."""
    known = list(known)
    for name in sorted(set(environment).difference(known)):
        if name.startswith(_OURS) or name.startswith(_SHARED):
            is_ours = name.startswith(_OURS)
            meant = did_you_mean(name, known) if is_ours else did_you_mean(name, known, _NEARLY)
            if is_ours or meant:
                yield f"{name} is not a variable of oriane and ignored{meant}"
