"""`oriane serve` beside the pipeline: as a Deployment, with credentials that only read."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.cluster.conftest import Cluster, credentials
from tests.cluster.installation import get, install, kubectl, secret
from tests.cluster.runs import create, finished, until
from tests.cluster.stores import s3_server
from tests.cluster.videos import put, run_manifest

pytestmark = pytest.mark.skipif(
    not os.environ.get("ORIANE_QDRANT_BIN"), reason="the stand-in knows no key that only reads"
)
PODS = "app.kubernetes.io/component=serve"
WRITING = {
    "s3": """
from components.stores.s3 import Store
Store(settings.storage).put("s3://oriane-frames/served/x.txt", b"x", "text/plain")""",
    "qdrant": """
from qdrant_client import QdrantClient
key = settings.index.key.get_secret_value()
client = QdrantClient(settings.index.url, api_key=key, prefer_grpc=False)
client.delete("watched_frames", points_selector=[1])""",
    "postgres": """
import psycopg
ledger = settings.ledger
address = f"host={ledger.host} port={ledger.port} user={ledger.user} dbname={ledger.name}"
psycopg.connect(address).execute("DELETE FROM videos")""",
    "its own image": "open('/app/x', 'w')",
}
REFUSED = {
    "s3": "answered InternalError (500)",  # rclone's word for --read-only
    "qdrant": "Forbidden",
    "postgres": "InsufficientPrivilege",
    "its own image": "Read-only file system",
}


@pytest.fixture(scope="module")
def api(cluster: Cluster, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of the Service, with the token; a run has left two videos."""
    run = create(run_manifest(job_input=put(cluster, "served", 2, clip), videos_per_shard="2"))
    assert finished(run)["status"]["phase"] == "Succeeded"
    with psycopg.connect(cluster.postgres) as connection:
        connection.execute("CREATE ROLE oriane_reader LOGIN")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO oriane_reader")
    token = secrets.token_hex(32)
    reading, storage = s3_server(cluster.folder, os.environ["CLUSTER_HOST"], read_only=True)
    with reading:
        address = {"AWS_ENDPOINT_URL": str(storage.endpoint_url)}
        given = {
            "oriane-serve": {"ORIANE_TOKEN": token},
            "oriane-s3-serve": {**address, **credentials(storage)},
            "oriane-qdrant-serve": {"QDRANT_KEY": cluster.qdrant_reading_key},
            "oriane-postgres-serve": {"DB_USER": "oriane_reader"},
        }
        for name, values in given.items():
            secret(name, values)
        folder = tmp_path_factory.mktemp("serving") / "overlay"
        install(folder, "cpu", cluster.pod_settings, ["serve"])
        kubectl("rollout", "status", "deployment/oriane-serve", "--timeout=300s")
        service = get("service", "oriane-serve")["spec"]["clusterIP"]
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"http://{service}", headers=headers, timeout=60) as client:
            # The node learns of a Service's pods a moment after they are ready.
            until(lambda: _is_reached(client), 60, "the Service to reach a pod")
            yield client
        kubectl("delete", "--selector", PODS, "deployment,service,hpa,pdb,networkpolicy,configmap")
        kubectl("delete", "secret", *given)


def _is_reached(client: httpx.Client) -> bool:
    try:
        return client.get("/api/health/live").is_success
    except httpx.ConnectError:
        return False


def test_it_answers_over_what_a_run_left(cluster: Cluster, api: httpx.Client) -> None:
    assert api.get("/api/health").json()["ready"]
    nobody = httpx.get(api.base_url.join("/api/overview"), headers={"Host": "127.0.0.1"})
    assert nobody.status_code == 401
    found = api.get(
        "/api/search", params={"texts": "a chart", "platform": "served", "confidence": 0}
    )
    assert found.status_code == 200, found.text
    moments = found.json()["moments"]
    assert {moment["platform"] for moment in moments} == {"served"}
    code, number = moments[0]["code"], moments[0]["best"]["frame_number"]
    picture = api.get(f"/api/frames/served/{code}/{number}")
    assert picture.content.startswith(b"\x89PNG")
    video = api.get("/api/videos/served/video0").json()["listed"]
    assert video["state"] == "done"
    source = api.get("/api/media/served/video0", headers={"Range": "bytes=0-99"})
    assert (source.status_code, len(source.content)) == (206, 100)


@pytest.mark.parametrize("where", WRITING)
@pytest.mark.usefixtures("api")
def test_it_may_only_read(where: str) -> None:
    program = (
        f"from components.settings import Settings\nsettings = Settings.load()\n{WRITING[where]}"
    )
    done = executed("python", "-c", program)
    assert done.returncode != 0
    assert REFUSED[where] in done.stderr, done.stderr
    assert executed("id", "-u").stdout == "10001\n"


def executed(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a pod of the server."""
    into = ["kubectl", "--namespace", "oriane", "exec", "deployment/oriane-serve", "--"]
    return subprocess.run([*into, *command], capture_output=True, text=True, check=False)


def test_a_pod_is_taken_away_and_replaced_and_nobody_notices(api: httpx.Client) -> None:
    until(lambda: len(ready()) == 2, 180, "two pods to be ready")
    lost, other = sorted(ready())
    assert evicted(lost).returncode == 0
    refused = evicted(other)
    assert "disruption budget" in refused.stderr

    def replaced() -> bool:
        answer = api.get("/api/search", params={"texts": "a chart", "limit": 1})
        assert answer.status_code == 200, answer.text
        found = ready()
        return len(found) == 2 and lost not in found

    until(replaced, 300, "another pod in its place")


def ready() -> set[str]:
    """Return the names of the pods that requests go to."""
    pods = get("pods", "--selector", PODS)["items"]
    return {
        pod["metadata"]["name"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        for condition in pod["status"].get("conditions", [])
        if (condition["type"], condition["status"]) == ("Ready", "True")
    }


def evicted(pod: str) -> subprocess.CompletedProcess[str]:
    """Ask for a pod's eviction, as draining a node does."""
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": "oriane"},
    }
    path = f"/api/v1/namespaces/oriane/pods/{pod}/eviction"
    command = ["kubectl", "create", "--raw", path, "--filename", "-"]
    return subprocess.run(
        command, input=json.dumps(eviction), capture_output=True, text=True, check=False
    )
