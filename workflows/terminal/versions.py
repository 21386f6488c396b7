"""What runs here, in a line: for whoever has to find a fault from afar."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib import metadata

from components.base.version import version as own_version

# The packages whose interface changes most between versions.
_PACKAGES = ("av", "numpy", "opencv-python-headless", "qdrant-client", "onnxruntime", "torch")


def versions() -> str:
    """Return the versions of oriane, Python, the system and what oriane leans on most."""
    found = [f"oriane {own_version()}", f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found.append(f"{package} {metadata.version(package)}")
    return ", ".join([*found, platform.platform()])
