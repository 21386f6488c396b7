"""Runs that are ended before their time, and who gets their videos then."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cluster.commands import oriane
from tests.cluster.conftest import Cluster
from tests.cluster.installation import get, kubectl
from tests.cluster.runs import create, finished, nodes, until
from tests.cluster.videos import digest_of, leases, put, run_manifest


def begun(run: str, template: str = "fetch") -> None:
    """Wait until a pod of the component works."""

    def running() -> bool:
        found = nodes(get("workflow", run), template)
        return any(node["phase"] != "Pending" for node in found)

    until(running, 180, f"{template} to start")


@pytest.mark.parametrize("ending", ["delete", "terminate"])
def test_a_run_that_died_keeps_its_videos_for_minutes_and_not_in_silence(
    cluster: Cluster, clip: Path, ending: str
) -> None:
    items = put(cluster, f"dead-{ending}", 2, clip)
    dead = create(run_manifest(job_input=items))
    begun(dead)
    assert leases(cluster)[dead] == (2, False)
    if ending == "delete":
        kubectl("delete", "workflow", dead)
    else:
        patch = json.dumps({"spec": {"shutdown": "Terminate"}})
        kubectl("patch", "workflow", dead, "--type=merge", f"--patch={patch}")
    selector = f"workflows.argoproj.io/workflow={dead},app.kubernetes.io/component=leases"
    until(lambda: ended_pods(selector), 120, "the pod that renews leases to end")

    # Who asks for them now is told, and by more than a line in a log.
    early = finished(create(run_manifest(job_input=items)))
    assert early["status"]["phase"] == "Failed"
    assert digest_of(cluster, early["metadata"]["name"])["leased"] == 2

    if ending == "delete":
        released = oriane(cluster, "release", dead)
        assert (released.returncode, released.stdout) == (0, "2 videos free again\n")
    else:  # As if those minutes were over.
        with psycopg.connect(cluster.postgres) as connection:
            connection.execute("UPDATE leases SET expires_at = expires_at - interval '11 minutes'")
    late = finished(create(run_manifest(job_input=items)))
    assert late["status"]["phase"] == "Succeeded", late["status"].get("message")
    assert digest_of(cluster, late["metadata"]["name"])["done"] == 2


def ended_pods(selector: str) -> bool:
    pods = get("pods", "--selector", selector)["items"]
    return all(pod["status"]["phase"] in ("Succeeded", "Failed") for pod in pods)


def test_a_run_keeps_its_videos_although_the_pod_that_renews_is_lost(
    cluster: Cluster, clip: Path
) -> None:
    run = create(run_manifest(job_input=put(cluster, "renewed", 2, clip)))
    begun(run)
    selector = f"workflows.argoproj.io/workflow={run},app.kubernetes.io/component=leases"
    (pod,) = get("pods", "--selector", selector)["items"]
    kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    workflow = finished(run)
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    assert digest_of(cluster, run)["done"] == 2
    assert len(nodes(workflow, "leases")) == 2
    assert run not in leases(cluster)


def test_oriane_stop_ends_a_run_with_its_children(cluster: Cluster, clip: Path) -> None:
    items = put(cluster, "stopped", 3, clip)
    run = create(run_manifest(job_input=items, shards_per_batch="1"))

    def children() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = get("workflows", "--selector", f"oriane/run={run}")["items"]
        return found

    until(lambda: any(nodes(child, "fetch") for child in children()), 180, "a child's first pod")
    done = oriane(cluster, "stop", run, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["phase"] == "Failed"
    assert {child["status"]["phase"] for child in children()} == {"Failed"}
    assert run not in leases(cluster)
    assert digest_of(cluster, run)["failed"] == 3
    again = create(run_manifest(job_input=items))
    assert finished(again)["status"]["phase"] == "Succeeded"
    assert digest_of(cluster, again)["done"] == 3


def asked(cluster: Cluster, run: str, verb: str, **options: Any) -> dict[str, Any]:
    """Do with a workflow what `argo VERB` does, by way of the server; return the workflow."""
    address = f"{cluster.settings.cluster.address}/api/v1/workflows/oriane/{run}/{verb}"
    request = urllib.request.Request(address, data=json.dumps(options).encode(), method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        workflow: dict[str, Any] = json.loads(answer.read())
    return workflow


def retried(cluster: Cluster, run: str) -> dict[str, Any]:
    """Have a run that was stopped take up its shards again; return it once it has ended.

    Stopped between two steps it has none that failed, which is all that Argo repeats unasked.
    """
    fan_out = {"restartSuccessful": True, "nodeFieldSelector": "templateName=fan-out"}
    asked(cluster, run, "retry", **fan_out)
    # Taken up again, a workflow has no phase at first.
    until(lambda: get("workflow", run)["status"].get("phase") == "Running", 30, "it to go on")
    return finished(run)


def test_argo_stop_frees_the_videos_of_a_run_and_argo_retry_goes_on_with_it(
    cluster: Cluster, clip: Path
) -> None:
    items = put(cluster, "argo-stop", 2, clip)
    run = create(run_manifest(job_input=items))
    begun(run)
    asked(cluster, run, "stop")
    stopped = finished(run)
    assert stopped["status"]["phase"] == "Failed"
    assert digest_of(cluster, run)["failed"] == 2
    assert run not in leases(cluster)
    # Taken up by argo retry, the run repeats what failed and sums up again.
    workflow = retried(cluster, run)
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    assert digest_of(cluster, run)["done"] == 2
    assert nodes(workflow, "plan") == nodes(stopped, "plan")
    assert run not in leases(cluster)


def test_a_stopped_run_whose_digest_meets_an_outage_is_told_and_summed_up_by_argo_retry(
    cluster: Cluster, clip: Path
) -> None:
    run = create(run_manifest(job_input=put(cluster, "undigested", 2, clip)))
    begun(run)
    cluster.s3.stop()
    try:
        stopped = oriane(cluster, "stop", run)
    finally:
        cluster.s3.start()
    assert stopped.returncode == 1, stopped.stderr
    assert f"its videos are free in ten minutes, or now with oriane release {run}" in " ".join(
        stopped.stderr.split()
    )
    assert leases(cluster)[run] == (2, False)
    workflow = retried(cluster, run)
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    assert digest_of(cluster, run)["done"] == 2
    assert run not in leases(cluster)


def test_a_run_is_submitted_again_whole_with_its_children(cluster: Cluster, clip: Path) -> None:
    items = put(cluster, "resubmitted", 2, clip)
    run = create(run_manifest(job_input=items, shards_per_batch="1"))
    assert finished(run)["status"]["phase"] == "Succeeded"
    again = asked(cluster, run, "resubmit")["metadata"]["name"]
    assert finished(again)["status"]["phase"] == "Succeeded"
    assert digest_of(cluster, again)["done"] == 2
