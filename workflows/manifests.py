"""Renders the Kubernetes objects that come from code into `k8s/`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

import yaml
from hera.workflows import Workflow

from workflows import argo
from workflows.config_maps import config_maps
from workflows.templates.pipeline import semaphores

_NOTICE = "# Rendered by `oriane render`; edit {source} instead.\n"
_BASE = PurePosixPath("base")
_GPU = PurePosixPath("overlays/gpu")


def rendered() -> dict[PurePosixPath, str]:
    """Return the text of every rendered file by its path below `k8s/`."""
    files = {
        _BASE / "settings.yaml": _document(config_maps(), "components/settings"),
        _BASE / "in-flight.yaml": _document([semaphores()], "workflows/templates"),
    }
    for value in vars(argo).values():
        if isinstance(value, Workflow):
            folder = _GPU if "-gpu" in str(value.name) else _BASE
            document = _document([value.to_dict()], "workflows/templates")
            files[folder / f"{value.name}.yaml"] = document
    return files


def _document(objects: Iterable[dict[str, Any]], source: str) -> str:
    text = yaml.safe_dump_all(
        objects, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False
    )
    return _NOTICE.format(source=source) + text
