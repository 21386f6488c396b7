"""`oriane submit` without a cluster: what it refuses and how it explains what a server answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from components.errors import ConfigurationError, RunFailedError, TransientError
from components.settings import Settings
from tests.commands import environment, oriane_here
from workflows.argo.server import ArgoServer, followed
from workflows.argo.stop import stop
from workflows.argo.submit import submit_videos
from workflows.intake.given import given


class Answering(BaseHTTPRequestHandler):
    """Answers every request with `answer`, and keeps what it was sent."""

    answer: tuple[int, dict[str, Any]] = (200, {})
    received: list[dict[str, Any]]

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.received.append(json.loads(self.rfile.read(length)))
        self.do_GET()

    def do_GET(self) -> None:
        status, body = self.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, type[Answering]]]:
    handler = type("Handler", (Answering,), {"received": []})
    with HTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", handler
        http.shutdown()
        thread.join()


def submit(settings: Settings, *paths: str, **options: Any) -> str:
    defaults: dict[str, Any] = {"gpu": False, "options": {}}
    server = ArgoServer(settings.cluster)
    work = given(paths, None, settings)
    return submit_videos(server, settings, work, lambda _: None, **{**defaults, **options})


def at(settings: Settings, address: str) -> Settings:
    return settings.having("cluster", server=address)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    settings = Settings.load()
    with pytest.raises(ConfigurationError, match="ARGO_SERVER not set"):
        submit(settings, "s3://b/")
    settings = at(settings, "http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="nothing to submit"):
        submit(settings)
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(ConfigurationError, match="set S3_VIDEOS_BUCKET or AWS_ENDPOINT_URL"):
        submit(settings, str(tmp_path / "clip.mp4"))


def test_an_unreachable_server_is_named_and_the_token_is_not() -> None:
    settings = at(Settings.load(), "http://127.0.0.1:9").having(
        "cluster", token=SecretStr("hidden")
    )
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:9 did not answer") as raised:
        submit(settings, "s3://b/")
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (401, ConfigurationError, "refused the token; set ARGO_TOKEN"),
        (403, ConfigurationError, "may create workflows in 'oriane'"),
        (404, ConfigurationError, "k8s/overlays/cpu"),
        (400, ConfigurationError, "refused 'video-to-embedding-fused'"),
        (503, TransientError, "did not answer"),
    ],
)
def test_what_the_server_answers_is_explained(
    server: tuple[str, type[Answering]], status: int, kind: type[Exception], message: str
) -> None:
    address, handler = server
    handler.answer = (status, {"code": 1, "message": "no"})
    with pytest.raises(kind, match=message):
        submit(at(Settings.load(), address), "s3://b/")


def test_the_workflow_that_is_created(server: tuple[str, type[Answering]]) -> None:
    address, handler = server
    handler.answer = (200, {"metadata": {"name": "videos-x"}, "spec": {}})
    options = {"videos_per_shard": "8", "shards_in_flight": "4"}
    name = submit(at(Settings.load(), address), "s3://b/p/", gpu=True, options=options)
    assert name == "videos-x"
    workflow = handler.received[0]["workflow"]
    assert workflow["spec"]["workflowTemplateRef"] == {"name": "video-to-embedding-gpu"}
    given = {item["name"]: item["value"] for item in workflow["spec"]["arguments"]["parameters"]}
    assert given == {**options, "source": "s3://b/p/"}


@pytest.mark.parametrize(
    ("chosen", "template"),
    [
        ({}, "video-to-embedding-fused"),
        ({"gpu": True}, "video-to-embedding-gpu"),
        ({"fused": False}, "video-to-embedding"),
        ({"fused": True}, "video-to-embedding-fused"),
        ({"fused": True, "gpu": True}, "video-to-embedding-fused-gpu"),
    ],
)
def test_what_runs_fused(
    server: tuple[str, type[Answering]], chosen: dict[str, bool], template: str
) -> None:
    address, handler = server
    handler.answer = (200, {"metadata": {"name": "videos-x"}, "spec": {}})
    submit(at(Settings.load(), address), "s3://b/p/", **chosen)
    assert handler.received[0]["workflow"]["spec"]["workflowTemplateRef"] == {"name": template}


def test_as_many_shards_in_flight_as_there_are_semaphores_for() -> None:
    with pytest.raises(ConfigurationError, match=r"expected one of 1, 2, .* found 3"):
        submit(
            at(Settings.load(), "http://127.0.0.1:9"),
            "s3://b/p/",
            options={"shards_in_flight": "3"},
        )


def test_options_arrive_as_argo_wants_them(
    server: tuple[str, type[Answering]], tmp_path: Path
) -> None:
    address, handler = server
    handler.answer = (200, {"metadata": {"name": "videos-x"}, "spec": {}, "status": {}})
    flags = ["--catch-up", "--limit", "5000000", "--older-than", "90m", "--shards-in-flight", "8"]
    flags += ["--fused", "--mb-per-shard", "250"]
    env = environment(tmp_path, ARGO_SERVER=address)
    done = oriane_here("submit", *flags, "--max-failed-percent", "2.5", "--json", env=env)
    assert json.loads(done.stdout)["workflow"] == "videos-x"
    (received,) = handler.received
    parameters = received["workflow"]["spec"]["arguments"]["parameters"]
    assert {item["name"]: item["value"] for item in parameters} == {
        "catch_up": "true",
        "limit": "5000000",
        "older_than_h": "1.5",
        "videos_per_shard": "auto",
        "mb_per_shard": "250.0",
        "shards_in_flight": "8",
        "max_failed_percent": "2.5",
    }


def test_a_number_of_videos_is_auto_or_above_0(tmp_path: Path) -> None:
    env = environment(tmp_path, ARGO_SERVER="http://127.0.0.1:9")
    done = oriane_here("submit", "--catch-up", "--videos-per-shard", "0", env=env, code=78)
    assert "expected auto or a number above 0, found '0'" in done.stderr


def test_a_long_list_goes_by_s3(
    server: tuple[str, type[Answering]], settings: Settings, tmp_path: Path
) -> None:
    address, handler = server
    handler.answer = (200, {"metadata": {"name": "videos-x"}, "spec": {}})
    items = [{"platform": "p", "code": f"video{number}"} for number in range(1000)]
    settings = at(settings, address)
    settings = settings.having("plan", job_input=json.dumps(items))
    submit(settings)
    ((parameter,),) = [
        received["workflow"]["spec"]["arguments"]["parameters"] for received in handler.received
    ]
    assert parameter["name"] == "job_input"
    assert parameter["value"].startswith("s3://oriane-artifacts/jobs/")
    from components.stores.s3 import Store

    assert json.loads(Store(settings.storage).get(parameter["value"])) == items


def test_a_name_is_no_parameter_of_argo(
    server: tuple[str, type[Answering]], settings: Settings
) -> None:
    """Argo replaces {{…}} in parameters, and knows workflow.name."""
    address, handler = server
    handler.answer = (200, {"metadata": {"name": "videos-x"}, "spec": {}})
    items = [{"platform": "p", "code": "{{workflow.name}}"}, {"platform": "p", "code": "{{{x}}}"}]
    submit(at(settings, address).having("plan", job_input=json.dumps(items)))
    ((parameter,),) = [
        received["workflow"]["spec"]["arguments"]["parameters"] for received in handler.received
    ]
    assert "{{" not in parameter["value"]
    assert json.loads(parameter["value"]) == items
    with pytest.raises(ConfigurationError, match="which Argo would take for a parameter"):
        submit(at(settings, address), "s3://b/{{workflow.name}}/")


def test_following_counts_a_retried_step_once_and_ends(
    server: tuple[str, type[Answering]],
) -> None:
    address, handler = server
    crop = {"templateRef": {"name": "crop-gpu", "template": "crop-gpu"}, "startedAt": None}
    node = {"id": "i", "name": "n", "phase": "Succeeded", "type": "Pod", **crop}
    nodes = {
        "a": {**node, "type": "Retry"},
        "b": {**node, "phase": "Failed"},
        "c": node,
        "d": {**node, "type": "Retry", "phase": "Running"},
    }
    status = {"phase": "Failed", "message": "child failed", "nodes": nodes}
    handler.answer = (200, {"metadata": {"name": "w"}, "spec": {}, "status": status})
    (progress,) = followed(ArgoServer(at(Settings.load(), address).cluster), "w", 5)
    assert progress.steps == {"crop": (1, 2)}
    assert (progress.phase, progress.message) == ("Failed", "child failed")
    handler.answer = (200, {"metadata": {"name": "w"}, "spec": {}, "status": {"phase": "Running"}})
    with pytest.raises(TransientError, match=r"w has not ended after 0\.1 s"):
        list(followed(ArgoServer(at(Settings.load(), address).cluster), "w", 0.1))


class Run(Answering):
    """A run with a child that has ended and one that has not; stopped, they end as failed."""

    phases: dict[str, str]
    # The run's step that sums it up, once it has ended.
    digest: dict[str, Any] | None

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].removeprefix("/api/v1/workflows/oriane").strip("/")
        type(self).answer = (
            200,
            self.workflow(name)
            if name
            else {
                "metadata": {},
                "items": [self.workflow(each) for each in self.phases if each != "w"],
            },
        )
        super().do_GET()

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name, verb = self.path.split("/")[-2:]
        self.received.append({verb: name})
        if verb == "stop":
            self.phases[name] = "Failed"
        type(self).answer = 200, self.workflow(name)
        super().do_GET()

    def workflow(self, name: str) -> dict[str, Any]:
        step = {"id": "i", "name": "n", "startedAt": None, "phase": self.phases[name]}
        fetch = {"templateRef": {"name": "fetch", "template": "fetch"}}
        crop = {"templateRef": {"name": "crop", "template": "crop"}, "message": "Unschedulable: no"}
        check = {"templateRef": {"name": "embed", "template": "check"}, "message": "no image"}
        nodes = [{**step, "type": "Pod", "templateName": "batch"}]
        if self.digest and self.phases[name] == "Failed":
            template = {"templateRef": {"name": "digest", "template": "digest"}}
            nodes.append({**step, **template, "type": "Retry", **self.digest})
        if name != "w":
            nodes = [
                {**step, **fetch, "type": "Retry"},
                {**step, **crop, "type": "Pod", "phase": "Pending"},
                {**step, **check, "type": "Pod", "phase": "Pending"},
                {**step, **fetch, "type": "Pod", "phase": "Pending", "message": "PodInitializing"},
            ]
        return {
            "metadata": {"name": name},
            "spec": {},
            "status": {
                "phase": self.phases[name],
                "nodes": {str(number): node for number, node in enumerate(nodes)},
            },
        }


@pytest.fixture
def run() -> Iterator[tuple[ArgoServer, type[Run]]]:
    phases = {"w": "Running", "w-0": "Succeeded", "w-2": "Running"}
    digest = {"outputs": {"parameters": [{"name": "failed", "value": "2"}]}}
    handler = type("Handler", (Run,), {"received": [], "phases": phases, "digest": digest})
    with HTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        settings = at(Settings.load(), f"http://127.0.0.1:{http.server_port}")
        yield ArgoServer(settings.cluster), handler
        http.shutdown()
        thread.join()


def test_following_counts_the_steps_of_children_and_says_what_waits(
    run: tuple[ArgoServer, type[Run]],
) -> None:
    server, handler = run
    progress = next(followed(server, "w", 5))
    assert progress.steps == {"fetch": (1, 2)}
    assert progress.waiting == ("crop waits: Unschedulable: no", "embed waits: no image")
    handler.phases["w"] = "Succeeded"
    assert [each.phase for each in followed(server, "w", 5)] == ["Succeeded"]


def test_a_run_is_held_still_while_its_children_are_stopped(
    run: tuple[ArgoServer, type[Run]],
) -> None:
    server, handler = run
    said: list[str] = []
    assert stop(server, "w", 5, said.append).digest == {"failed": "2"}
    assert handler.received == [{"suspend": "w"}, {"stop": "w-2"}, {"stop": "w"}, {"resume": "w"}]
    assert said == ["stopping w-2", "stopping w"]


def test_a_run_that_was_stopped_and_has_no_digest_is_told_with_what_frees_its_videos(
    run: tuple[ArgoServer, type[Run]],
) -> None:
    server, handler = run
    # As Argo shows outputs of a pod that did not write them.
    empty = {"parameters": [{"name": "digest"}, {"name": "failed"}]}
    handler.digest = {"phase": "Failed", "message": "exit code 75", "outputs": empty}
    with pytest.raises(RunFailedError, match=r"its digest failed .* oriane release w$"):
        stop(server, "w", 5, print)
