"""Each phase has the rights that it uses, and no others."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.pipeline import VIDEO_PHASES, component, components
from components.plan.contract import PlanInputs
from components.records.watch import Watch
from components.running.decoders import Decoders
from components.running.phase import run
from components.running.services import Services
from tests import conftest
from tests.clips import bordered_video, numbered_video
from tests.conftest import Corpus, SharedDecoders, settings_below
from tests.deployment import copy
from tests.servers import serving
from tests.storage import SharedS3
from tests.test_templates import objects, sources, template_of
from workflows.argo.access import actions_of
from workflows.serve.app import create_app
from workflows.watch.after_run import asked_since
from workflows.watch.kept import KeptWatches

_ACTION = {
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "PutObject": "s3:PutObject",
    "DeleteObjects": "s3:DeleteObject",
}
SERVER = "serve"
NAMES = [declared.name for declared in components()]
# Asked for only where something went wrong, or of large files.
_SELDOM = {"s3:AbortMultipartUpload", "s3:DeleteObject"}


@pytest.mark.slow
def test_phases_ask_s3_for_what_their_policies_allow_and_for_all_of_it(
    tmp_path: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen in boto3, by bucket, over runs that do everything anew, reuse and change settings."""
    services, asked, phase = corpus.services, defaultdict(set), ""
    storage = services.settings.storage
    settings = {getattr(storage, name): name for name in actions_of("plan") | actions_of("fetch")}

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        asked[phase, settings[params["Bucket"]]].add(_ACTION[model.name])

    def noted_run(declared: Any, inputs: Any, services: Any) -> Any:
        nonlocal phase
        phase = declared.name
        # As a pod is told, which knows of a manifest where it lies and not what it says.
        told = type(inputs).model_validate_json(inputs.model_dump_json())
        outputs = run(declared, told, services)
        # What the test itself asks for is nobody's.
        phase = ""
        return outputs

    services.store.events.register("before-parameter-build.s3", note)
    monkeypatch.setattr(conftest, "run", noted_run)
    corpus.add(numbered_video(tmp_path / "v.mp4", [number / 10 for number in range(30)]))
    bars = (60, 60, 0, 0)
    corpus.add(bordered_video(tmp_path / "b.mp4", inside=(320, 180), bars=bars, frames=20))
    services.settings = services.settings.having("crop", output="video", encoder="libx264")
    for changed in ({}, {"min_frames": 9}, {"min_frames": 2}):
        services.settings = services.settings.having("frame", **changed)
        corpus.through(*VIDEO_PHASES)
        corpus.through(*VIDEO_PHASES)
        corpus.add(b"no video", f"bad{len(changed)}{sum(changed.values())}")
    job = f"s3://{storage.artifacts_bucket}/jobs/1.json"
    services.store.put(job, b'[{"platform": "local", "code": "v"}]', "application/json")
    source = f"s3://{storage.videos_bucket}/"
    for inputs in ({"catch_up": True}, {"source": source}, {"job_input": job}):
        planned = noted_run(component("plan"), PlanInputs(**inputs, run="r"), services)
    digest = component("digest")
    noted_run(digest, digest.inputs(run=planned.run, max_failed_percent=100), services)
    for name in (*VIDEO_PHASES, "plan", "digest"):
        allowed = actions_of(name)
        buckets = {setting for who, setting in asked if who == name}
        assert buckets == allowed.keys(), name
        for bucket in buckets:
            used = asked[name, bucket]
            assert used <= allowed[bucket], (name, bucket)
            unused = allowed[bucket] - used - _SELDOM - ({"s3:ListBucket"} & allowed[bucket])
            assert not unused, (name, bucket)


@pytest.fixture
def indexed(
    tmp_path: Path, deployment: Path, shared_s3: SharedS3, model: str, decoders: Decoders
) -> Iterator[Services]:
    copy(deployment, tmp_path)
    with (
        shared_s3.over(tmp_path / "s3") as storage,
        SharedDecoders(settings_below(tmp_path, storage, model), decoders) as services,
    ):
        yield services


@pytest.mark.slow
def test_the_server_asks_s3_for_what_its_policy_allows_and_for_all_of_it(
    indexed: Services,
) -> None:
    asked = defaultdict(set)
    storage = indexed.settings.storage
    settings = {getattr(storage, name): name for name in actions_of(SERVER)}

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        asked[settings[params["Bucket"]]].add(_ACTION[model.name])

    indexed.store.events.register("before-parameter-build.s3", note)
    with serving(create_app(indexed, indexed.settings)) as client:
        video = client.get("/api/videos/local/one").json()
        frame = next(one["url"] for one in video["frames"] if one["kept"])
        for path in (frame, f"{frame}?size=160", video["url"], "/api/overview", "/api/runs"):
            assert client.get(path).status_code == 200, path
        assert client.get("/api/search?texts=a+cat").status_code == 200
        assert client.get("/api/runs/nosuch").status_code == 404
    for bucket, allowed in actions_of(SERVER).items():
        assert asked[bucket] <= allowed, bucket
        assert asked[bucket] | {"s3:ListBucket"} == allowed, bucket


def test_the_server_may_change_nothing() -> None:
    for actions in actions_of(SERVER).values():
        assert actions == {"s3:GetObject", "s3:ListBucket"}


def test_the_server_has_credentials_of_its_own_and_is_confined() -> None:
    pod = objects("Deployment")["oriane-serve"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    secrets = {each["secretRef"]["name"] for each in container["envFrom"] if "secretRef" in each}
    assert secrets == {"oriane-s3-serve", "oriane-qdrant-serve", "oriane-postgres-serve"}
    assert pod["serviceAccountName"] == "oriane-serve"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all("sizeLimit" in each["emptyDir"] for each in pod["volumes"])
    token = container["env"][0]["valueFrom"]["secretKeyRef"]
    assert token == {"name": "oriane-serve", "key": "ORIANE_TOKEN"}


def test_the_pod_that_asks_questions_has_the_least() -> None:
    template = template_of("watch")
    shared = {"oriane-qdrant", "oriane-postgres"}
    assert not shared & sources(template), "these may write"
    own = {"oriane-s3-watch", "oriane-qdrant-watch", "oriane-postgres-watch", "oriane-webhook"}
    assert own <= sources(template)
    others = [name for name in objects("WorkflowTemplate") if name != "watch"]
    for template_of_another in (
        each
        for name in others
        for each in objects("WorkflowTemplate")[name]["spec"]["templates"]
        if "container" in each
    ):
        assert not own & sources(template_of_another)
    assert template["serviceAccountName"] == "oriane-watch"
    assert template["serviceAccountName"] in objects("ServiceAccount")
    assert template["automountServiceAccountToken"] is False
    assert template["container"]["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.slow
def test_questions_ask_s3_for_what_their_policy_allows_and_for_all_of_it(
    indexed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = defaultdict(set)
    storage = indexed.settings.storage
    names = ("videos_bucket", "frames_bucket", "artifacts_bucket")
    settings = {getattr(storage, name): name for name in names}

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        asked[settings[params["Bucket"]]].add(_ACTION[model.name])

    watch = Watch(name="cats", text="a cat", confidence=0.0, added_at="2026-11-27T00:00:00+00:00")
    KeptWatches(indexed).keep(watch)
    digest = component("digest")
    outputs = run(digest, digest.inputs(run="test1", max_failed_percent=100), indexed)
    assert outputs.watches == 1
    indexed.store.events.register("before-parameter-build.s3", note)
    found = asked_since(indexed, [], datetime.fromisoformat("2026-11-27T00:00:00+00:00"), print)
    assert [notice.watch for notice in found] == ["cats"]
    assert asked.keys() == actions_of("watch").keys()
    for bucket, allowed in actions_of("watch").items():
        assert asked[bucket] | {"s3:AbortMultipartUpload"} == allowed


def test_the_servers_files_fit_into_its_volumes() -> None:
    pod = objects("Deployment")["oriane-serve"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    sizes = {
        mounts[each["name"]]: int(each["emptyDir"]["sizeLimit"].removesuffix("Mi"))
        for each in pod["volumes"]
    }
    data = next(each["value"] for each in container["env"] if each["name"] == "VP_DATA_DIR")
    thumbnails = objects("ConfigMap")["oriane-serve"]["data"]["VP_SERVE_THUMBNAILS_MB"]
    assert sizes[data] > int(thumbnails)
    asked = container["resources"]["requests"]["ephemeral-storage"]
    assert int(asked.removesuffix("Mi")) > sum(sizes.values())


def test_only_namespaces_that_an_installation_names_reach_the_server() -> None:
    policy = objects("NetworkPolicy")["oriane-serve"]["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    (rule,) = policy["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"oriane/serve": "allowed"}}}]
    pod = objects("Deployment")["oriane-serve"]["spec"]["template"]
    (port,) = rule["ports"]
    assert port["port"] == pod["spec"]["containers"][0]["ports"][0]["containerPort"]
    assert policy["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


@pytest.mark.parametrize("name", NAMES)
def test_only_upload_and_record_change_published_frames(name: str) -> None:
    changes = {"s3:PutObject", "s3:DeleteObject"} & actions_of(name).get("frames_bucket", set())
    assert bool(changes) == (name in ("upload", "record"))
    assert not {"s3:PutObject", "s3:DeleteObject"} & actions_of(name).get("videos_bucket", set())


@pytest.mark.parametrize("name", NAMES)
def test_each_phase_runs_as_itself(name: str) -> None:
    template = template_of(name)
    assert template["serviceAccountName"] == f"oriane-{name}"
    assert template["serviceAccountName"] in objects("ServiceAccount")
    assert f"oriane-s3-{name}" in sources(template)
    assert ("oriane-qdrant" in sources(template)) == (name == "index")


# What volumes may be of under Pod Security "restricted" (kubernetes.io, Pod Security Standards).
_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip


@pytest.mark.parametrize("name", objects("WorkflowTemplate"))
def test_every_pod_is_one_that_a_restricted_namespace_takes(name: str) -> None:
    spec = objects("WorkflowTemplate")[name]["spec"]
    for template in spec["templates"]:
        if not {"container", "resource"} & template.keys():
            continue
        # Argo adds init and wait beside a container, init beside what it does itself.
        patch = json.loads(template["podSpecPatch"])
        found = {one["name"]: one for one in patch["initContainers"] + patch["containers"]}
        assert "init" in found
        if "container" in template:
            assert "wait" in found
            found["main"] = template["container"]
        for container in found.values():
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert not context.get("privileged")
        pod = template.get("securityContext") or spec["securityContext"]
        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] != 0
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        for volume in [*template.get("volumes", ()), *spec.get("volumes", ())]:
            assert volume.keys() - {"name"} <= _VOLUMES
        assert not {"hostNetwork", "hostPID", "hostIPC"} & (template.keys() | spec.keys())


def test_the_namespace_takes_no_other_pods() -> None:
    path = Path(__file__).parents[1] / "k8s/base/namespace.yaml"
    labels = yaml.safe_load(path.read_text())["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def allowed_ports(name: str) -> set[int]:
    """Return the ports that the policies leave to the phase's pods."""
    ports: set[int] = set()
    for policy in objects("NetworkPolicy").values():
        spec = policy["spec"]
        selector = spec["podSelector"]
        phases = [each["values"] for each in selector.get("matchExpressions", ())]
        if all(name in each for each in phases):
            for rule in spec.get("egress", ()):
                ports |= {port["port"] for port in rule["ports"]}
    return ports


@pytest.mark.parametrize("name", [*NAMES, SERVER, "watch"])
def test_each_phase_and_the_server_call_only_what_they_need(name: str) -> None:
    ports = {53, 443, 6443, 9000}
    if name in ("index", SERVER, "watch"):
        ports |= {6333, 6334}
    if name in ("plan", "record", "digest", SERVER, "watch"):
        ports |= {5432}
    assert allowed_ports(name) == ports


def test_nothing_is_allowed_by_default_and_nobody_calls_a_pod() -> None:
    policies = objects("NetworkPolicy")
    assert policies["oriane-nobody"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    called = {name for name, policy in policies.items() if "ingress" in policy["spec"]}
    assert called == {"oriane-serve"}
    anywhere = {
        name
        for name, policy in policies.items()
        for rule in policy["spec"].get("egress", ())
        for peer in rule["to"]
        if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    }
    assert anywhere == {"oriane-s3"}
