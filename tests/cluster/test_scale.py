"""What many videos and many shards cost."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from tests.cluster.commands import oriane
from tests.cluster.conftest import Cluster
from tests.cluster.installation import get, kubectl
from tests.cluster.runs import create, finished
from tests.cluster.videos import digest_of, put, run_manifest


def test_two_hundred_short_videos_share_few_pods(
    cluster: Cluster, clip: Path, tmp_path: Path
) -> None:
    """What oriane submit does by itself: shards that size themselves, media phases in one pod."""
    items = put(cluster, "short", 200, clip)
    (tmp_path / "job.json").write_text(json.dumps(items))
    job = str(tmp_path / "job.json")
    done = oriane(cluster, "submit", "--job-input", job, "--watch", "--json", "--timeout", "2400")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)["workflow"]
    status = get("workflow", run)["status"]
    pods = [
        datetime.fromisoformat(node["finishedAt"]) - datetime.fromisoformat(node["startedAt"])
        for node in status["nodes"].values()
        if node["type"] == "Pod" and (node.get("templateRef") or {}).get("template") != "leases"
    ]
    seconds = sum(took.total_seconds() for took in pods) / len(items)
    cluster.measured(f"200 videos: {len(pods)} pods, {seconds:.2f} s of pods a video")
    assert digest_of(cluster, run)["done"] == len(items)
    # The number that counts is measured; that the videos share few pods is what may not break.
    assert len(pods) < 20
    plan = json.loads(cluster.store.get(f"s3://oriane-artifacts/runs/{run}/plan.json"))
    assert plan["sizing"]["shards"] <= 2
    assert "may repeat" in plan["sizing"]["why"] or "holds them all" in plan["sizing"]["why"]


def test_sixty_shards_stay_below_the_limits(cluster: Cluster) -> None:
    """Missing videos make as many pods and nodes as any others, and are soon done."""
    items = [{"platform": "many", "code": f"missing{number}"} for number in range(60)]
    run = create(run_manifest(job_input=items))
    workflow = finished(run, seconds=2400)
    assert digest_of(cluster, run)["rejected"] == 60
    path = f"/apis/argoproj.io/v1alpha1/namespaces/oriane/workflows/{run}"
    stored = len(kubectl("get", "--raw", path).encode())
    nodes_size = len(json.dumps(workflow["status"].get("nodes", {})))
    cluster.measured(f"60 shards: object {stored} bytes, nodes unpacked {nodes_size} bytes")
    # From 1 MiB on Argo compresses the nodes; etcd takes 1.5 MB.
    assert stored < 1_200_000
