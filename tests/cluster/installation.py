"""Installs the project's manifests in the cluster, as a deployment of one's own would."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.pipeline import components
from workflows.argo.access import LEASES, WATCH

ROOT = Path(__file__).parents[2]
NAMESPACE = "oriane"


def kubectl(*arguments: str, given: str | None = None) -> str:
    """Run kubectl in the project's namespace and return what it prints."""
    command = ["kubectl", "--namespace", NAMESPACE, *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def get(*arguments: str) -> Any:
    """Return an object of the cluster."""
    return json.loads(kubectl("get", *arguments, "--output", "json"))


def install(
    folder: Path,
    overlay: str,
    settings: dict[str, dict[str, str]],
    parts: Sequence[str] = (),
) -> None:
    """Apply an overlay with this cluster's images, sizes and settings, by group of settings.

    Args:
        parts: kustomize components that go with it.
    """
    images = {each.name: each.image for each in components()}
    images |= {LEASES: images["plan"], WATCH: "oriane-serve"}
    patches = [
        {
            "target": {"kind": "WorkflowTemplate", "name": f"{name}(-gpu)?"},
            "patch": _patch(image, templates=1 if name in (LEASES, WATCH) else 2),
        }
        for name, image in images.items()
    ]
    patches.append(
        {
            "target": {"kind": "Deployment", "name": "oriane-serve"},
            "patch": json.dumps(_changes("/spec/template/spec/containers/0", "oriane-serve")),
        }
    )
    patches += [
        {
            "target": {"kind": "ConfigMap", "name": f"oriane-{group}"},
            "patch": json.dumps(
                [
                    {"op": "replace", "path": f"/data/{name}", "value": value}
                    for name, value in values.items()
                ]
            ),
        }
        for group, values in settings.items()
    ]
    # Where there is one small node, pods ask for little; where they are preempted does not matter.
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(ROOT / "k8s" / "overlays" / overlay, folder)],
        "components": [
            os.path.relpath(ROOT / "k8s" / "components" / part, folder) for part in parts
        ],
        "patches": patches,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization))
    kubectl("apply", "--server-side", "--force-conflicts", "-k", str(folder))


def secret(name: str, values: dict[str, str]) -> None:
    """Create or replace a Secret."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": values,
    }
    kubectl("apply", "--filename", "-", given=json.dumps(manifest))


def _patch(image: str, templates: int) -> str:
    containers = (f"/spec/templates/{number}/container" for number in range(templates))
    return json.dumps([change for each in containers for change in _changes(each, image)])


def _changes(container: str, image: str) -> list[dict[str, str]]:
    registry = os.environ.get("ORIANE_REGISTRY", "localhost/")
    requests = f"{container}/resources/requests"
    return [
        {"op": "replace", "path": f"{container}/image", "value": f"{registry}{image}:0.1.0"},
        {"op": "replace", "path": f"{requests}/cpu", "value": "50m"},
        # A node that measures no disk has none to give.
        {"op": "remove", "path": f"{requests}/ephemeral-storage"},
    ]
