"""What `images/requirements` locks: name and version of every package of an image."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from workflows.reference.tree import ROOT

IMAGES = ROOT / "images"
# Of one package, whose own dependencies nobody needs, the lock knows nothing.
BY_ITSELF = "embed-packaged-text"
IN_THE_IMAGE = {
    "implementation_name": "cpython",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "python_full_version": "3.11.2",
    "python_version": "3.11",
    "sys_platform": "linux",
}


def pins(path: Path) -> dict[str, str]:
    """Return name and version of every requirement, refusing one that pins nothing."""
    found = {}
    for line in path.read_text().replace("\\\n", " ").splitlines():
        requirement = Requirement(line.partition(" --hash=")[0])
        if requirement.marker is None or requirement.marker.evaluate(IN_THE_IMAGE):
            exact = re.fullmatch(r"==([^*]+)", str(requirement.specifier))
            assert exact, f"{path.name}: {line} is not an exact version"
            found[canonicalize_name(requirement.name)] = exact[1]
    return found


def lock(name: str) -> dict[str, str]:
    return pins(IMAGES / "requirements" / f"{name}.txt")
