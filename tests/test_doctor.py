"""`oriane doctor`: what a component's check finds in its pod, and what the command makes of it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.errors import EXIT_CONFIGURATION, EXIT_DONE, ConfigurationError
from components.pipeline import component
from components.running.check import looks
from components.running.services import Services
from tests.commands import environment, invoked, oriane_here
from tests.test_submit import Answering
from workflows.argo.terms import VERSION

ROOT = Path(__file__).parents[1]


def found(phase: str, services: Services, **rights: str) -> list[str]:
    return [look() for look in looks(component(phase), services, rights)]


def test_a_check_says_what_is_there_and_leaves_nothing_behind(services: Services) -> None:
    store = services.store
    before = [stored.uri for stored in store.objects("s3://oriane-frames/")]
    assert found("upload", services, frames="lwd", artifacts="rwd") == [
        "bucket oriane-frames (lwd)",
        "bucket oriane-artifacts (rwd)",
    ]
    assert [stored.uri for stored in store.objects("s3://oriane-frames/")] == before
    assert found("plan", services, videos="l")[-1] == "no ledger (LOCAL_MODE=1)"
    assert "decoders confined" in found("fetch", services)[-1]
    assert "collection watched_frames made by the first run" in found("index", services)[-1]


def test_a_check_names_a_bucket_that_is_not_there_and_whose_rights_it_wants(
    services: Services,
) -> None:
    services.settings = services.settings.having("storage", frames_bucket="not-there")
    (look,) = looks(component("upload"), services, {"frames": "lwd"})
    with pytest.raises(ConfigurationError, match="not-there") as raised:
        look()
    assert "k8s/iam/upload.json" in str(raised.value)
    assert "account oriane-upload" in str(raised.value)


def test_all_that_is_missing_is_in_one_message(tmp_path: Path) -> None:
    env = environment(tmp_path, CLIP_MODEL=str(tmp_path / "no-model"), S3_FRAMES_BUCKET="b")
    command = [sys.executable, "-m", "components.running.check", "embed", "--frames=lwd"]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_CONFIGURATION
    (error,) = [line for line in done.stderr.splitlines() if '"ERROR"' in line or "ERROR" in line]
    assert "no-model" in error
    assert "k8s/iam/embed.json" in error


class Cluster(Answering):
    """An Argo server with the checks' workflow, which has ended."""

    argo = "v4.1.2"
    installed = VERSION
    pods: dict[str, tuple[str, str]]

    def do_GET(self) -> None:  # noqa: N802
        type(self).answer = 200, self.body()
        super().do_GET()

    def body(self) -> dict[str, Any]:
        if self.path.startswith("/api/v1/version"):
            names = ("version", "buildDate", "gitCommit", "gitTag", "gitTreeState", "goVersion")
            return dict.fromkeys((*names, "compiler", "platform"), self.argo)
        if "workflow-templates" in self.path:
            labels = {"app.kubernetes.io/version": self.installed}
            return {"metadata": {"name": "doctor", "labels": labels}, "spec": {}}
        nodes = {
            name: {
                "id": name, "name": name, "displayName": name, "type": "Pod", "phase": phase,
                "message": message, "startedAt": None,
            }
            for name, (phase, message) in self.pods.items()
        }  # fmt: skip
        status = {"phase": "Succeeded", "nodes": nodes}
        return {"metadata": {"name": "doctor-x"}, "spec": {}, "status": status}


@pytest.fixture
def cluster() -> Iterator[tuple[str, type[Cluster]]]:
    handler = type("Handler", (Cluster,), {"received": [], "pods": {"plan": ("Succeeded", "")}})
    with HTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", handler
        http.shutdown()
        thread.join()


def test_a_sound_installation(cluster: tuple[str, type[Cluster]], tmp_path: Path) -> None:
    address, handler = cluster
    code, said = invoked("doctor", data=tmp_path, ARGO_SERVER=address)
    assert code == EXIT_DONE, said
    assert "ok      plan" in said
    workflow = handler.received[0]["workflow"]
    assert workflow["metadata"]["generateName"] == "doctor-"
    assert workflow["spec"]["workflowTemplateRef"] == {"name": "doctor"}


def test_what_is_wrong_is_counted_and_named(
    cluster: tuple[str, type[Cluster]], tmp_path: Path
) -> None:
    address, handler = cluster
    handler.argo, handler.installed = "v3.7.1", "0.0.9"
    handler.pods = {"plan": ("Succeeded", ""), "embed": ("Failed", "no such model")}
    code, said = invoked("doctor", data=tmp_path, ARGO_SERVER=address)
    assert code == EXIT_CONFIGURATION
    assert "3 of 4 checks failed: argo, templates, embed" in said
    env = environment(tmp_path, ARGO_SERVER=address)
    done = oriane_here("doctor", "--json", env=env, code=EXIT_CONFIGURATION)
    assert {one["check"]: one["phase"] for one in json.loads(done.stdout)} == {
        "argo": "Failed", "templates": "Failed", "plan": "Succeeded", "embed": "Failed"
    }  # fmt: skip
    for told in ("4.1 or newer is needed", "of version 0.0.9", "failed  embed: no such model"):
        assert told in said
