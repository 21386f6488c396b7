"""The kustomizations of `k8s/`: rendered templates in their lists, and images in the example's."""

from __future__ import annotations

from pathlib import Path

from components.pipeline import components
from workflows.argo.objects import folder_of
from workflows.argo.serving import NAME as SERVE_IMAGE
from workflows.argo.templates import TEMPLATES
from workflows.reference.tree import ROOT, between

_EXAMPLE = ROOT / "k8s" / "examples" / "overlay" / "kustomization.yaml"
_REGISTRY = "registry.example.com/videos"


def kustomizations() -> dict[Path, str]:
    """Return the text of each kustomization that lists what is rendered or built."""
    files = {}
    for folder in sorted(set(map(folder_of, TEMPLATES))):
        path = ROOT / "k8s" / folder / "kustomization.yaml"
        lines = [f"  - {name}.yaml" for name in TEMPLATES if folder_of(name) == folder]
        files[path] = between(path.read_text(), "templates", lines, mark="  # {}")
    images = [*(each.image for each in components()), SERVE_IMAGE]
    lines = [f"  - {{name: {image}, newName: {_REGISTRY}/{image}}}" for image in images]
    files[_EXAMPLE] = between(_EXAMPLE.read_text(), "images", lines, mark="  # {}")
    return files
