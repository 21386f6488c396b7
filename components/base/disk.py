"""Full disks, said as what they are."""

from __future__ import annotations

import errno
from pathlib import Path

from components.errors import TransientError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def space_error(error: OSError, path: Path | str) -> TransientError | None:
    """Return what to raise where `error` says that the disk of `path` is full; else None."""
    if error.errno not in _FULL:
        return None
    return TransientError(
        f"{path}: no space left on its disk; free some, or set VP_SCRATCH_DIR (temporary files) or "
        "VP_DATA_DIR (a run on one machine) to a folder on a larger one"
    )
