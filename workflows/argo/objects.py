"""Renders the Kubernetes objects that come from code into `k8s/`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

import yaml

from components.pipeline import components
from workflows.argo.access import SERVE, WATCH, accounts, iam_policy, network_policies
from workflows.argo.pipeline_templates import semaphores
from workflows.argo.serving import serve_objects
from workflows.argo.templates import TEMPLATES
from workflows.config_maps import config_maps

_NOTICE = "# Rendered by `oriane render`; edit {source} instead.\n"
_BASE = PurePosixPath("base")
_GPU = PurePosixPath("overlays/gpu")
_SERVE = PurePosixPath("components/serve")


def rendered() -> dict[PurePosixPath, str]:
    """Return the text of every rendered file by its path below `k8s/`."""
    files = {
        _BASE / "settings.yaml": _document(config_maps(), "components/settings"),
        _BASE / "in-flight.yaml": _document([semaphores()], "workflows/argo"),
        _BASE / "accounts.yaml": _document(accounts(), "workflows/argo"),
        _BASE / "network.yaml": _document(network_policies(), "workflows/argo"),
        _SERVE / "serve.yaml": _document(serve_objects(), "workflows/argo"),
    }
    for name, template in TEMPLATES.items():
        files[folder_of(name) / f"{name}.yaml"] = _document([template.to_dict()], "workflows/argo")
    return files


def rendered_policies() -> dict[PurePosixPath, str]:
    """Return the policies for the cloud, of phases, `serve` and `watch`, by path below `k8s/`."""
    names = [*(each.name for each in components()), SERVE, WATCH]
    return {PurePosixPath("iam") / f"{name}.json": iam_policy(name) for name in names}


def folder_of(template: str) -> PurePosixPath:
    """Return where below `k8s/` a template lies."""
    return _GPU if "-gpu" in template else _BASE


class _Whole(yaml.SafeDumper):
    """Writes out what occurs twice, as nobody reads a manifest with anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _document(objects: Iterable[dict[str, Any]], source: str) -> str:
    text = yaml.dump_all(
        objects,
        Dumper=_Whole,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=False,
    )
    return _NOTICE.format(source=source) + text
