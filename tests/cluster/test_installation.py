"""Installing: what the server accepts, what the doctor finds, where pods are placed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cluster.commands import oriane
from tests.cluster.conftest import Cluster
from tests.cluster.installation import ROOT, get, install, kubectl
from tests.cluster.runs import nodes
from tests.cluster.videos import put


@pytest.mark.parametrize("overlay", ["cpu", "gpu"])
@pytest.mark.usefixtures("cluster")
def test_the_server_accepts_every_manifest(overlay: str) -> None:
    folder = str(ROOT / "k8s" / "overlays" / overlay)
    kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", folder)


def test_the_doctor_names_what_is_missing(cluster: Cluster, tmp_path: Path) -> None:
    well = oriane(cluster, "doctor")
    assert well.returncode == 0, well.stdout + well.stderr
    wrong = {**cluster.pod_settings, "index": {"QDRANT_URL": "http://192.0.2.1:6333"}}
    wrong["index"] |= {"VP_QDRANT_ATTEMPTS": "1", "VP_QDRANT_TIMEOUT_SECS": "2"}
    wrong["embed"] = {"CLIP_MODEL": "nobody/has-this"}
    wrong["storage"] = {**wrong["storage"], "S3_FRAMES_BUCKET": "not-there"}
    install(tmp_path / "wrong", "cpu", wrong)
    try:
        ill = oriane(cluster, "doctor")
    finally:
        install(cluster.folder / "overlay", "cpu", cluster.pod_settings)
    assert ill.returncode == 78, ill.stderr
    said = " ".join(ill.stdout.split())
    for told in ("QDRANT_URL", "nobody/has-this", "not-there"):
        assert told in said
    # Before it stand the reasons why pods wait, where they do.
    error = ill.stderr.splitlines()[-1]
    assert "5 of 14 checks failed" in error
    for phase in ("embed", "index", "upload", "record", "plan"):
        assert phase in error


def test_gpu_pods_are_scheduled_on_gpus(cluster: Cluster, clip: Path, tmp_path: Path) -> None:
    install(tmp_path / "gpu", "gpu", cluster.pod_settings)
    items = json.dumps(put(cluster, "gpu", 1, clip))
    (tmp_path / "job.json").write_text(items)
    job = str(tmp_path / "job.json")
    # The cluster may have no more than what says that there is a GPU.
    done = oriane(cluster, "submit", "--job-input", job, "--gpu", "--watch", "--json")
    assert done.returncode == 1
    (tried,) = nodes(get("workflow", json.loads(done.stdout)["workflow"]), "embed-gpu")
    assert "VP_DEVICE=cuda" in tried["message"]
    env = get("workflowtemplate", "embed-gpu")["spec"]["templates"][0]["container"]["env"]
    path = f"/spec/templates/0/container/env/{[each['name'] for each in env].index('VP_DEVICE')}"
    on_cpu = json.dumps([{"op": "replace", "path": f"{path}/value", "value": "cpu"}])
    kubectl("patch", "workflowtemplate", "embed-gpu", "--type=json", f"--patch={on_cpu}")
    done = oriane(cluster, "submit", "--job-input", job, "--gpu", "--watch", "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)["workflow"]
    pods = get("pods", "--selector", f"workflows.argoproj.io/workflow={run}")["items"]
    gpus = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in pods
        for container in pod["spec"]["containers"]
        if "nvidia.com/gpu" in container.get("resources", {}).get("limits", {})
    }
    assert gpus == {"crop", "embed"}
