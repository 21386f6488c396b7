"""The pipeline on a real Kubernetes with a real Argo, S3 protocol and Qdrant server."""

from __future__ import annotations

import json
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import yaml

from components.records.videos import Rectangle
from tests.clips import bordered_video
from tests.cluster.commands import oriane
from tests.cluster.conftest import Cluster
from tests.cluster.installation import ROOT, get, secret
from tests.cluster.runs import create, finished, nodes
from tests.cluster.videos import BUCKET, digest_of, points, put, recorded, reused, run_manifest

GOOD = 4


def test_good_corrupt_and_missing_videos_submitted_with_kubectl(
    cluster: Cluster, clip: Path, tmp_path: Path
) -> None:
    items = put(cluster, "mixed", GOOD, clip)
    bordered = bordered_video(tmp_path / "bars.mp4", inside=(320, 180), bars=(40, 40, 0, 0))
    cluster.store.put(f"s3://{BUCKET}/mixed/video0/video.mp4", bordered.read_bytes(), "video/mp4")
    corrupt = {"platform": "mixed", "code": "corrupt"}
    cluster.store.put(f"s3://{BUCKET}/mixed/corrupt/video.mp4", b"no video at all", "video/mp4")
    missing = {"platform": "mixed", "code": "missing"}
    run = create(run_manifest(job_input=[*items, corrupt, missing]))
    workflow = finished(run)
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")

    digest = digest_of(cluster, run)
    assert (digest["videos"], digest["done"], digest["rejected"]) == (GOOD + 2, GOOD, 2)
    assert {reason["reason"] for reason in digest["reasons"]} == {"not_a_video", "missing"}
    done = [entry.result.indexed.framed for entry in recorded(cluster, run) if entry.result]
    assert len(done) == GOOD
    (rectangle,) = {framed.cropped.rectangle for framed in done} - {None}
    assert rectangle == Rectangle(x=0, y=40, width=320, height=180)
    for framed in done:
        for frame in framed.frames:
            assert cluster.store.exists(f"s3://oriane-frames/{framed.path(frame)}")
    assert points(cluster, "mixed") == sum(len(framed.frames) for framed in done) > 0

    with psycopg.connect(cluster.postgres) as connection:
        query = "SELECT state, count(*) FROM videos WHERE platform = 'mixed' GROUP BY state"
        assert dict(connection.execute(query).fetchall()) == {"done": GOOD, "rejected": 2}

    # A shard of one video is shown by its name.
    shown = {node["displayName"][7:] for node in workflow["status"]["nodes"].values()}
    assert {f"mixed-{item['code']}" for item in [*items, corrupt, missing]} <= shown

    # What was rejected at once takes two steps, and needs no others.
    count = {
        name: len({node["boundaryID"] for node in nodes(workflow, name)})
        for name in ("fetch", "crop", "index", "record")
    }
    assert count == {"fetch": GOOD + 2, "crop": GOOD, "index": GOOD, "record": GOOD + 2}

    # The logs of every step are readable where people look for them.
    for component in ("plan", "fetch", "crop", "frame", "dedup", "upload", "embed", "index"):
        node = nodes(workflow, component)[0]
        assert component in log_of(cluster, run, node), component


def log_of(cluster: Cluster, run: str, node: dict[str, Any]) -> str:
    """Read a step's log through the Argo server, as its UI does."""
    template = node["templateRef"]["template"]
    pod = f"{run}-{template}-{node['id'].rsplit('-', 1)[1]}"
    address = cluster.settings.cluster.address
    url = f"{address}/api/v1/workflows/oriane/{run}/log?podName={pod}&logOptions.container=main"
    with urllib.request.urlopen(url, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def test_a_rerun_redoes_nothing_and_catch_up_finds_nothing(cluster: Cluster, clip: Path) -> None:
    items = put(cluster, "again", 2, clip)
    first = finished(create(run_manifest(job_input=items, videos_per_shard="2")))
    assert first["status"]["phase"] == "Succeeded"
    second = create(run_manifest(job_input=items, videos_per_shard="2"))
    assert finished(second)["status"]["phase"] == "Succeeded"
    for entry in recorded(cluster, second):
        assert len(reused(entry)) == 8
    third = create(run_manifest(source=f"s3://{BUCKET}/again/", catch_up="true"))
    assert finished(third)["status"]["phase"] == "Succeeded"
    assert digest_of(cluster, third)["videos"] == 0


def test_a_run_in_one_pod_and_one_in_four_reuse_each_other(cluster: Cluster, clip: Path) -> None:
    in_one, in_four = "video-to-embedding-fused", "video-to-embedding"
    for platform, templates in {"fused": (in_one, in_four), "split": (in_four, in_one)}.items():
        items = put(cluster, platform, 2, clip)
        for template in templates:
            run = create(run_manifest(template, job_input=items, videos_per_shard="2"))
            workflow = finished(run)
            assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
            pods = [len(nodes(workflow, name)) for name in ("prepare", "fetch", "upload")]
            assert pods == ([1, 0, 1] if template == in_one else [0, 1, 1])
        for entry in recorded(cluster, run):
            assert len(reused(entry)) == 8


def test_more_shards_than_one_workflow_holds_go_to_children(cluster: Cluster, clip: Path) -> None:
    items = put(cluster, "batched", 3, clip)
    run = create(run_manifest(job_input=items, shards_per_batch="2", shards_in_flight="1"))
    workflow = finished(run)
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    children = get("workflows", "--selector", f"oriane/run={run}")["items"]
    assert sorted(child["metadata"]["name"] for child in children) == [f"{run}-0", f"{run}-2"]
    assert digest_of(cluster, run)["done"] == 3
    spans = sorted(span for child in children for span in shard_spans(child))
    assert len(spans) == 3
    assert all(end <= start for (_, end), (start, _) in pairwise(spans)), "shards overlapped"


def shard_spans(workflow: dict[str, Any]) -> list[tuple[str, str]]:
    """Return when the first pod of each shard started and the last one ended."""
    spans: dict[str, tuple[str, str]] = {}
    for node in workflow["status"]["nodes"].values():
        if node["type"] == "Pod":
            started, ended = node["startedAt"], node["finishedAt"]
            first, last = spans.get(node["boundaryID"], (started, ended))
            spans[node["boundaryID"]] = min(first, started), max(last, ended)
    return list(spans.values())


def test_oriane_submit_from_local_files_and_watch(
    cluster: Cluster, clip: Path, tmp_path: Path
) -> None:
    done = oriane(cluster, "submit", str(clip), "--watch", "--json", "--timeout", "600")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["phase"], result["videos"], result["done"]) == ("Succeeded", 1, 1)
    assert "embed 1/1" in done.stderr
    late = oriane(cluster, "submit", str(clip), "--watch", "--timeout", "1")
    assert late.returncode == 75
    assert "has not ended after 1 s" in late.stderr
    wrong = tmp_path / "job.json"
    wrong.write_text('[{"platform": "a/b", "code": "c"}]')
    bad = oriane(cluster, "submit", "--job-input", str(wrong), "--watch", "--timeout", "600")
    assert bad.returncode == 78, bad.stderr
    assert "'a/b': must not contain '/'" in bad.stderr


def test_the_nightly_catch_up_takes_what_is_new_and_leaves_the_rest(
    cluster: Cluster, clip: Path
) -> None:
    items = put(cluster, "nightly", 2, clip)
    # So that there is a collection, which a standing question needs.
    assert finished(create(run_manifest(job_input=items[:1])))["status"]["phase"] == "Succeeded"
    secret("oriane-qdrant-watch", {"QDRANT_KEY": cluster.qdrant_reading_key})
    asked = oriane(cluster, "watch", "add", "a chart", "--name", "charts", "--confidence", "0")
    assert asked.returncode == 0, asked.stderr
    first = finished(triggered())
    assert first["status"]["phase"] == "Succeeded", first["status"].get("message")
    assert points(cluster, "nightly") > 0
    (watch,) = nodes(first, "watch")
    assert watch["phase"] == "Succeeded", watch.get("message")
    found = oriane(cluster, "watch", "list", "--json")
    assert "charts" in found.stdout
    notices = cluster.store.objects("s3://oriane-artifacts/watches/")
    assert any(first["metadata"]["name"] in stored.uri for stored in notices)
    assert digest_of(cluster, first["metadata"]["name"])["done"] >= 1
    second = triggered()
    assert finished(second)["status"]["phase"] == "Succeeded"
    assert digest_of(cluster, second)["videos"] == 0


def triggered() -> str:
    """Create the workflow that the CronWorkflow would, and return its name."""
    spec = get("cronworkflow", "nightly-catch-up")["spec"]["workflowSpec"]
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "nightly-catch-up-"},
        "spec": spec,
    }
    return create(json.dumps(manifest))


def test_one_component_in_somebody_elses_workflow(cluster: Cluster, clip: Path) -> None:
    items = put(cluster, "foreign", 1, clip)
    manifest = (ROOT / "k8s" / "examples" / "one-step.yaml").read_text()
    parsed = yaml.safe_load(manifest)
    parsed["spec"]["arguments"]["parameters"] = [{"name": "videos", "value": json.dumps(items)}]
    workflow = finished(create(json.dumps(parsed)))
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    (fetched,) = nodes(workflow, "fetch")
    values = {output["name"]: output["value"] for output in fetched["outputs"]["parameters"]}
    assert values["done"] == "1"
    assert cluster.store.exists(values["manifest"])
