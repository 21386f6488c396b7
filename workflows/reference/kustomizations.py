"""The kustomizations of `k8s/`, with every rendered template in its list."""

from __future__ import annotations

from pathlib import Path

from workflows.argo.objects import folder_of
from workflows.argo.templates import TEMPLATES
from workflows.reference.tree import ROOT, between


def kustomizations() -> dict[Path, str]:
    """Return the text of each kustomization that lists rendered templates."""
    files = {}
    for folder in sorted(set(map(folder_of, TEMPLATES))):
        path = ROOT / "k8s" / folder / "kustomization.yaml"
        lines = [f"  - {name}.yaml" for name in TEMPLATES if folder_of(name) == folder]
        files[path] = between(path.read_text(), "templates", lines, mark="  # {}")
    return files
