"""The pipeline on a real Kubernetes with a real Argo, S3 protocol and Qdrant server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from components.records.manifest import Entry, Manifest
from components.records.videos import RecordedVideo
from tests.clips import ffmpeg
from tests.cluster.conftest import Cluster
from tests.cluster.installation import ROOT, get, install, kubectl
from tests.cluster.runs import create, finished, nodes, until
from workflows.argo.terms import RESTRICTED

GOOD = 4
BUCKET = "oriane-contents"


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real video of 4 s."""
    return encoded(tmp_path_factory.mktemp("clips") / "clip.mp4", "480x270", 4)


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that keeps each phase busy for long enough to be killed at it."""
    return encoded(tmp_path_factory.mktemp("clips") / "long.mp4", "1280x720", 15)


def encoded(path: Path, size: str, seconds: int) -> Path:
    source = f"testsrc2=size={size}:rate=25:duration={seconds}"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", "-pix_fmt", "yuv420p", path)
    return path


def put(cluster: Cluster, platform: str, count: int, clip: Path) -> list[dict[str, str]]:
    """Upload `count` videos of a platform and return them as JOB_INPUT wants them."""
    items = [{"platform": platform, "code": f"video{number}"} for number in range(count)]
    for item in items:
        uri = f"s3://{BUCKET}/{platform}/{item['code']}/video.mp4"
        # A tail that no decoder looks at makes every video's ETag another.
        content = clip.read_bytes() + f"{platform} {item['code']}".encode()
        cluster.store.put(uri, content, "video/mp4")
    return items


def run_manifest(template: str = "video-to-embedding", **parameters: Any) -> str:
    """Return the example's workflow with other parameters."""
    manifest = yaml.safe_load((ROOT / "k8s" / "examples" / "run.yaml").read_text())
    manifest["spec"]["workflowTemplateRef"]["name"] = template
    manifest["spec"]["arguments"]["parameters"] = [
        {"name": name, "value": value if isinstance(value, str) else json.dumps(value)}
        for name, value in parameters.items()
    ]
    return json.dumps(manifest)


def recorded(cluster: Cluster, run: str) -> list[Entry[RecordedVideo]]:
    """Return the entries of all shards of a run, as record left them."""
    prefix = f"s3://oriane-artifacts/runs/{run}/"
    return [
        entry
        for stored in cluster.store.objects(prefix)
        if stored.uri.endswith("/record.jsonl")
        for entry in Manifest[RecordedVideo](stored.uri).read(cluster.store)
    ]


def digest_of(cluster: Cluster, run: str) -> dict[str, Any]:
    content = cluster.store.get(f"s3://oriane-artifacts/runs/{run}/digest.json")
    parsed: dict[str, Any] = json.loads(content)
    return parsed


def reused(entry: Entry[Any]) -> set[str]:
    return {step.phase for step in entry.steps if step.reused}


def points(cluster: Cluster, platform: str) -> int:
    from qdrant_client import models as q

    match = q.FieldCondition(key="platform", match=q.MatchValue(value=platform))
    return cluster.qdrant.count("watched_frames", count_filter=q.Filter(must=[match])).count


def oriane(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user with the cluster's variables set would."""
    storage = cluster.settings.storage
    assert storage.secret_access_key
    environment = {
        **os.environ,
        "ARGO_SERVER": cluster.settings.cluster.address,
        "AWS_ENDPOINT_URL": str(storage.endpoint_url),
        "AWS_ACCESS_KEY_ID": str(storage.access_key_id),
        "AWS_SECRET_ACCESS_KEY": storage.secret_access_key.get_secret_value(),
        **cluster.pod_settings["ledger"],
    }
    program = Path(sys.executable).parent / "oriane"
    return subprocess.run(
        [program, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_good_corrupt_and_missing_videos_submitted_with_kubectl(
    cluster: Cluster, clip: Path
) -> None:
    items = put(cluster, "mixed", GOOD, clip)
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
    for framed in done:
        for frame in framed.frames:
            assert cluster.store.exists(f"s3://oriane-frames/{framed.path(frame)}")
    assert points(cluster, "mixed") == sum(len(framed.frames) for framed in done) > 0

    with psycopg.connect(cluster.postgres) as connection:
        query = "SELECT state, count(*) FROM videos WHERE platform = 'mixed' GROUP BY state"
        assert dict(connection.execute(query).fetchall()) == {"done": GOOD, "rejected": 2}

    # What was rejected at once takes two pods, and needs no others.
    count = {name: len(nodes(workflow, name)) for name in ("fetch", "crop", "index", "record")}
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
def patched_fetch(cluster: Cluster, *patches: tuple[str, Any], limit: str = "1") -> Iterator[None]:
    """Patch the template of fetch while inside, and have it tried again at once."""
    template = "/spec/templates/0"
    changes = [
        {"op": "add", "path": f"{template}/{path}", "value": value} for path, value in patches
    ]
    quick = {"limit": limit, "backoff": {"duration": "1s"}}
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


def test_a_pod_whose_image_is_not_there_says_so_and_does_not_wait_for_ever(
    cluster: Cluster, clip: Path
) -> None:
    missing = ("container/image", "localhost/not-there:1"), ("activeDeadlineSeconds", 20)
    items = put(cluster, "imageless", 1, clip)
    (cluster.folder / "job.json").write_text(json.dumps(items))
    with patched_fetch(cluster, *missing):
        job = str(cluster.folder / "job.json")
        done = oriane(cluster, "submit", "--job-input", job, "--watch", "--json")
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


def test_a_run_is_submitted_again_whole_with_its_children(cluster: Cluster, clip: Path) -> None:
    items = put(cluster, "resubmitted", 2, clip)
    run = create(run_manifest(job_input=items, shards_per_batch="1"))
    assert finished(run)["status"]["phase"] == "Succeeded"
    address = f"{cluster.settings.cluster.address}/api/v1/workflows/oriane/{run}/resubmit"
    request = urllib.request.Request(address, data=b"{}", method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        again = json.loads(answer.read())["metadata"]["name"]
    assert finished(again)["status"]["phase"] == "Succeeded"
    assert digest_of(cluster, again)["done"] == 2


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


def leases(cluster: Cluster) -> dict[str, tuple[int, bool]]:
    """Return how many videos each run keeps, and whether for more than the minutes of a lease."""
    query = """SELECT run, count(*), max(expires_at) > now() + interval '11 minutes'
        FROM leases WHERE expires_at > now() GROUP BY run"""
    with psycopg.connect(cluster.postgres) as connection:
        return {run: (count, long) for run, count, long in connection.execute(query)}


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
    put(cluster, "nightly", 2, clip)
    first = finished(triggered())
    assert first["status"]["phase"] == "Succeeded", first["status"].get("message")
    assert points(cluster, "nightly") > 0
    digest = digest_of(cluster, first["metadata"]["name"])
    assert digest["done"] >= 2
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


def test_sixty_shards_stay_far_below_the_limits(cluster: Cluster) -> None:
    """Missing videos make as many pods and nodes as any others, and are soon done."""
    items = [{"platform": "many", "code": f"missing{number}"} for number in range(60)]
    run = create(run_manifest(job_input=items))
    workflow = finished(run, seconds=2400)
    assert digest_of(cluster, run)["rejected"] == 60
    path = f"/apis/argoproj.io/v1alpha1/namespaces/oriane/workflows/{run}"
    stored = len(kubectl("get", "--raw", path).encode())
    nodes_size = len(json.dumps(workflow["status"].get("nodes", {})))
    cluster.measured(f"60 shards: object {stored} bytes, nodes unpacked {nodes_size} bytes")
    assert stored < 1_000_000


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


@pytest.mark.parametrize("overlay", ["cpu", "gpu"])
@pytest.mark.usefixtures("cluster")
def test_the_server_accepts_every_manifest(overlay: str) -> None:
    folder = str(ROOT / "k8s" / "overlays" / overlay)
    kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", folder)
