"""Every file that is rendered from code, by what it is for."""

from __future__ import annotations

from pathlib import Path

from workflows.reference.tree import ROOT, between

_ARCHITECTURE = ROOT / "docs" / "architecture.md"


def docs() -> dict[Path, str]:
    """Return `.env.example`, reference pages, schemas, and the tables within other pages."""
    from workflows.reference import proofs, reasons
    from workflows.reference.components_page import components_page
    from workflows.reference.images_table import images_table
    from workflows.reference.schemas import schemas
    from workflows.reference.settings_pages import env_example, settings_page

    return {
        ROOT / ".env.example": env_example(),
        ROOT / "README.md": proofs.readme(),
        _ARCHITECTURE: _architecture(),
        ROOT / "docs" / "components.md": components_page(),
        ROOT / "docs" / "operations.md": reasons.operations(),
        ROOT / "docs" / "settings.md": settings_page(),
        ROOT / "images" / "components.txt": images_table(),
        **schemas(),
    }


def _architecture() -> str:
    """Return docs/architecture.md with the DAG, and the reasons for a rejection."""
    from components.pipeline import video_to_embedding
    from workflows.reference.data_flow import data_flow
    from workflows.reference.reasons import rejections

    text = between(_ARCHITECTURE.read_text(), "data flow", data_flow(video_to_embedding()))
    return between(text, "reasons", rejections())


def argo(folder: Path = ROOT / "k8s") -> dict[Path, str]:
    """Return the Kubernetes objects that come from code."""
    from workflows.argo.objects import rendered, rendered_policies

    files = rendered() | rendered_policies()
    return {folder / path: text for path, text in files.items()}


def everything() -> dict[Path, str]:
    """Return the text of every rendered file of the repository."""
    from workflows.kubeflow import rendered_kubeflow
    from workflows.reference.kustomizations import kustomizations

    return {**docs(), **argo(), **kustomizations(), **rendered_kubeflow()}
