"""What is tried again on a real Argo, what is not, and what says why."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.commands import oriane
from tests.cluster.conftest import Cluster
from tests.cluster.installation import ROOT, get, install, kubectl
from tests.cluster.runs import create, finished, nodes, until
from tests.cluster.videos import (
    digest_of,
    leases,
    points,
    put,
    recorded,
    reused,
    run_manifest,
)
from workflows.argo.terms import RESTRICTED


@pytest.mark.parametrize("component", ["crop", "embed"])
def test_a_killed_pod_goes_on_where_it_stopped(
    cluster: Cluster, long_clip: Path, component: str
) -> None:
    platform = f"killed-{component}"
    run = create(run_manifest(job_input=put(cluster, platform, 8, long_clip), videos_per_shard="8"))

    def result_is_there() -> bool:
        objects = cluster.store.objects(f"s3://oriane-artifacts/results/{platform}/")
        return any(f"/{component}/" in stored.uri for stored in objects)

    until(result_is_there, 300, f"a first result of {component}")
    selector = f"workflows.argoproj.io/workflow={run},app.kubernetes.io/component={component}"
    (pod,) = get("pods", "--selector", selector)["items"]
    kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")

    workflow = finished(run)
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    entries = recorded(cluster, run)
    assert digest_of(cluster, run)["done"] == len(entries) == 8
    # An undisturbed run reuses nothing. The pod starts again as another node, or as the same one.
    assert any(component in reused(entry) for entry in entries), "killed too late, or all redone"
    frames = sum(len(entry.result.indexed.framed.frames) for entry in entries if entry.result)
    assert points(cluster, platform) == frames


@contextmanager
def patched_fetch(
    cluster: Cluster, *patches: tuple[str, Any], limit: str | None = "1"
) -> Iterator[None]:
    """Patch the template of fetch while inside.

    Args:
        limit: Have it tried again so often, and at once; None leaves that as it is.
    """
    template = "/spec/templates/0"
    changes = [
        {"op": "add", "path": f"{template}/{path}", "value": value} for path, value in patches
    ]
    quick = {"limit": limit, "backoff": {"duration": "1s"}} if limit else {}
    changes += [
        {"op": "replace", "path": f"{template}/retryStrategy/{name}", "value": value}
        for name, value in quick.items()
    ]
    kubectl("patch", "workflowtemplate", "fetch", "--type=json", f"--patch={json.dumps(changes)}")
    try:
        yield
    finally:
        # Applying leaves what it does not know, such as an affinity, so the template goes first.
        kubectl("delete", "workflowtemplate", "fetch")
        install(cluster.folder / "overlay", "cpu", cluster.pod_settings)


def run_with(cluster: Cluster, clip: Path, platform: str, *patches: tuple[str, Any]) -> Any:
    """Run a video while the template of fetch is patched; return the workflow."""
    with patched_fetch(cluster, *patches):
        return finished(create(run_manifest(job_input=put(cluster, platform, 1, clip))))


def test_a_pod_that_the_node_refuses_is_tried_again(cluster: Cluster, clip: Path) -> None:
    (node,) = get("nodes")["items"]
    # Past the scheduler, as when a node fills up between its decision and the pod's arrival.
    refused = json.dumps({**json.loads(RESTRICTED), "nodeName": node["metadata"]["name"]})
    requests = ("container/resources/requests", {"cpu": "1000"})
    workflow = run_with(cluster, clip, "refused", requests, ("podSpecPatch", refused))
    tries = nodes(workflow, "fetch")
    assert ["cpu" in tried["message"] for tried in tries] == [True, True]
    assert workflow["status"]["phase"] == "Failed"


def test_a_step_that_hangs_until_its_deadline_is_not_tried_again(
    cluster: Cluster, clip: Path
) -> None:
    hanging = ("container/command", ["sleep", "600"]), ("container/args", [])
    workflow = run_with(cluster, clip, "hanging", *hanging, ("activeDeadlineSeconds", 5))
    (tried,) = nodes(workflow, "fetch")
    assert "deadline" in tried["message"]
    digest = digest_of(cluster, workflow["metadata"]["name"])
    assert [reason["reason"] for reason in digest["reasons"]] == ["interrupted"]


def test_a_wrong_setting_is_not_tried_again_and_shows_at_once(cluster: Cluster, clip: Path) -> None:
    wrong = ("container/command", ["sh", "-c", "exit 78"]), ("container/args", [])
    with patched_fetch(cluster, *wrong, limit=None):
        workflow = finished(create(run_manifest(job_input=put(cluster, "wrong", 1, clip))))
    assert workflow["status"]["phase"] == "Failed"
    (tried,) = nodes(workflow, "fetch")
    assert "78" in tried["message"]
    (step,) = (
        node
        for node in workflow["status"]["nodes"].values()
        if tried["id"] in node.get("children", [])
    )
    waited = datetime.fromisoformat(step["finishedAt"]) - datetime.fromisoformat(
        tried["finishedAt"]
    )
    cluster.measured(f"exit 78: the step ends {waited.total_seconds():g} s after its pod")


def test_a_pod_whose_image_is_not_there_says_so_and_does_not_wait_for_ever(
    cluster: Cluster, clip: Path
) -> None:
    missing = ("container/image", "localhost/not-there:1"), ("activeDeadlineSeconds", 20)
    items = put(cluster, "imageless", 1, clip)
    (cluster.folder / "job.json").write_text(json.dumps(items))
    with patched_fetch(cluster, *missing):
        job = str(cluster.folder / "job.json")
        done = oriane(cluster, "submit", "--split", "--job-input", job, "--watch", "--json")
    assert done.returncode == 1
    assert "fetch waits: " in done.stderr
    assert "Image" in done.stderr
    (tried,) = nodes(get("workflow", json.loads(done.stdout)["workflow"]), "fetch")
    assert "deadline" in tried["message"]


def test_a_run_whose_pods_find_no_node_ends_with_its_deadline_and_a_digest(
    cluster: Cluster, clip: Path
) -> None:
    manifest = json.loads(run_manifest(job_input=put(cluster, "nodeless", 1, clip)))
    manifest["spec"]["activeDeadlineSeconds"] = 60
    with patched_fetch(cluster, ("nodeSelector", {"no-node": "has-this"})):
        run = create(json.dumps(manifest))
        assert finished(run)["status"]["phase"] == "Failed"
    assert digest_of(cluster, run)["failed"] == 1
    assert run not in leases(cluster)


def test_phases_run_on_spot_nodes_but_for_the_last_try(cluster: Cluster, clip: Path) -> None:
    """Here with the one node as a spot node, so that the last try finds none."""
    (node,) = get("nodes")["items"]
    spot = yaml.safe_load((ROOT / "k8s/components/spot/kustomization.yaml").read_text())
    changes = yaml.safe_load(spot["patches"][0]["patch"])
    affinity = next(each["value"] for each in changes if each["path"].endswith("affinity"))
    failing = ("container/command", ["sh", "-c", "exit 75"]), ("container/args", [])
    manifest = json.loads(run_manifest(job_input=put(cluster, "spot", 1, clip)))
    manifest["spec"]["activeDeadlineSeconds"] = 120
    kubectl("label", "node", node["metadata"]["name"], "node-lifecycle=spot")
    try:
        with patched_fetch(cluster, *failing, ("affinity", affinity), limit="3"):
            workflow = finished(create(json.dumps(manifest)))
    finally:
        kubectl("label", "node", node["metadata"]["name"], "node-lifecycle-")
    tries = sorted(nodes(workflow, "fetch"), key=lambda tried: tried["displayName"])
    assert ["75" in tried.get("message", "") for tried in tries] == [True, True, True, False]


def test_an_outage_of_s3_is_waited_out(cluster: Cluster, clip: Path) -> None:
    run = create(run_manifest(job_input=put(cluster, "outage", 2, clip)))
    until(lambda: nodes(get("workflow", run), "crop"), 120, "crop to start")
    cluster.s3.stop()
    time.sleep(30)
    cluster.s3.start()
    workflow = finished(run)
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    assert digest_of(cluster, run)["done"] == 2
    codes = {
        node.get("outputs", {}).get("exitCode")
        for node in workflow["status"]["nodes"].values()
        if node["type"] == "Pod"
    }
    assert "75" in codes, "nothing was retried"


def test_too_many_failures_fail_the_run(cluster: Cluster, clip: Path, tmp_path: Path) -> None:
    wrong = {**cluster.pod_settings, "index": {"QDRANT_URL": "http://192.0.2.1:6333"}}
    wrong["index"] |= {"VP_QDRANT_ATTEMPTS": "1", "VP_QDRANT_TIMEOUT_SECS": "2"}
    quick = {"op": "replace", "path": "/spec/templates/0/retryStrategy/limit", "value": "0"}
    install(tmp_path / "wrong", "cpu", wrong)
    kubectl("patch", "workflowtemplate", "index", "--type=json", f"--patch={json.dumps([quick])}")
    try:
        run = create(run_manifest(job_input=put(cluster, "unindexed", 1, clip)))
        workflow = finished(run)
    finally:
        install(cluster.folder / "overlay", "cpu", cluster.pod_settings)
    assert workflow["status"]["phase"] == "Failed"
    digest = digest_of(cluster, run)
    assert (digest["done"], digest["failed"]) == (0, 1)
    (reason,) = digest["reasons"]
    assert reason["phase"] == "index"
    # Why, where people look first: at the step that failed, and at the run's last one.
    (tried,) = nodes(workflow, "index")
    assert "QDRANT_URL" in tried["message"]
    (summed_up,) = nodes(workflow, "digest")
    values = {each["name"]: each.get("value") for each in summed_up["outputs"]["parameters"]}
    assert "1 failed in index: unavailable, unindexed/video0" in values["summary"]
