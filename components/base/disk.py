"""Full disks, and files that the system refuses, said as what they are."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from components.errors import ConfigurationError, PipelineError, TransientError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_MIB = 2**20
# With less, hardly a video can be stored.
MIB_TO_WRITE = 32
# What the name of a file or folder is to blame for, or the rights to it.
_REFUSED = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
}


def space_error(error: OSError, path: Path | str) -> TransientError | None:
    """Return what to raise where `error` says that the disk of `path` is full; else None."""
    if error.errno not in _FULL:
        return None
    return TransientError(f"{path}: no space left on its disk; {_MORE_SPACE}")


_MORE_SPACE = (
    "free some, or set VP_SCRATCH_DIR (temporary files) or VP_DATA_DIR (a run on one machine) to a "
    "folder on a larger one"
)


def is_short_of_space(folder: Path, mib: int = MIB_TO_WRITE) -> bool:
    """Return whether less is free on the disk of an existing folder."""
    return shutil.disk_usage(folder).free < mib * _MIB


def require_space(folder: Path, mib: int = MIB_TO_WRITE) -> None:
    """Refuse to write where less is free on the disk of an existing folder.

    Raises:
        TransientError: as it says.
    """
    free = shutil.disk_usage(folder).free
    if free < mib * _MIB:
        raise TransientError(
            f"{folder}: {free // _MIB} MiB left on its disk, {mib} are wanted; {_MORE_SPACE}"
        )


def told(error: OSError) -> PipelineError | None:
    """Return what to say to the one who named the file or folder; None for any other fault."""
    path = str(error.filename or "what is written to")
    if no_space := space_error(error, path):
        return no_space
    if error.filename is None or error.errno not in _REFUSED:
        return None
    return ConfigurationError(
        f"{path}: {error.strerror}; name another file or folder, or change the rights to this one "
        "(VP_DATA_DIR says where data is kept, VP_SCRATCH_DIR where temporary files are)"
    )
