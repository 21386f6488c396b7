"""What neither Argo's schema nor its linter catches, looked for in every manifest of the project.

The CRDs refuse unknown fields and `argo lint` unknown templates and arguments; both need programs
that are not always there. These pass a manifest that loses its volumes when another workflow runs
it, reads a ConfigMap's key that is not there, or uses what Argo 4 took away.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from workflows.argo.objects import rendered
from workflows.argo.pipeline_templates import SEMAPHORES, SEMAPHORES_NAME

ROOT = Path(__file__).parents[1]
Manifest = dict[str, Any]
Keys = tuple[str, ...]


@cache
def texts() -> str:
    """Return every Kubernetes object of the project, rendered or written."""
    folders = [ROOT / "k8s" / folder for folder in ("base", "examples", "components")]
    written = (path.read_text() for folder in folders for path in sorted(folder.rglob("*.yaml")))
    found = [*rendered().values(), *(text for text in written if "Rendered by" not in text)]
    objects = [one for text in found for one in yaml.load_all(text, yaml.CSafeLoader)]
    return json.dumps([one for one in objects if "metadata" in one])


def manifests() -> list[Manifest]:
    """Return the objects anew, so that a test may change them."""
    loaded: list[Manifest] = json.loads(texts())
    return loaded


def of_kind(found: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in found if one["kind"] == kind}


def workflow_spec(manifest: Manifest) -> Manifest:
    spec: Manifest = manifest.get("spec", {})
    return spec.get("workflowSpec", spec)


def walk(value: object, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Yield everything in a manifest with the keys that lead to it; list elements have none."""
    yield keys, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, (*keys, str(key)))
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner, keys)


# What a template loses when another workflow runs it by templateRef

WORKFLOW_LEVEL = {
    "affinity", "automountServiceAccountToken", "executor", "nodeSelector", "priority",
    "retryStrategy", "schedulerName", "securityContext", "serviceAccountName", "templateDefaults",
    "tolerations", "volumeClaimTemplates", "volumes",
}  # fmt: skip


def lost_by_reference(found: list[Manifest]) -> list[str]:
    """Return settings of templates that a templateRef leaves behind, and mounts without volume.

    A caller that has the same setting itself does without that of the template.
    """
    templates = of_kind(found, "WorkflowTemplate")
    problems = set()
    for caller in found:
        own = workflow_spec(caller)
        for name in {value["name"] for keys, value in walk(own) if keys[-1:] == ("templateRef",)}:
            spec = workflow_spec(templates[name])
            problems |= {
                f"{name}: spec.{field}"
                for field in WORKFLOW_LEVEL & spec.keys()
                if own.get(field) != spec[field]
            }
            problems |= {f"{name}: volume {mount}" for mount in mounts_without_volume(spec)}
    return sorted(problems)


def mounts_without_volume(spec: Manifest) -> Iterator[str]:
    for template in spec["templates"]:
        volumes = {volume["name"] for volume in template.get("volumes", ())}
        for keys, value in walk(template):
            mounted = keys[-1:] == ("volumeMounts",) and isinstance(value, dict)
            if mounted and value["name"] not in volumes:
                yield value["name"]


def test_a_step_that_others_run_by_reference_brings_everything_along() -> None:
    assert lost_by_reference(manifests()) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda crop: crop["spec"].update(tolerations=[]), "crop: spec.tolerations"),
        (lambda crop: move_up(crop, "volumes"), "crop: volume "),
    ],
    ids=["tolerations", "volumes"],
)
def test_what_would_be_lost_is_found(change: Any, problem: str) -> None:
    found = manifests()
    change(of_kind(found, "WorkflowTemplate")["crop"])
    assert any(said.startswith(problem) for said in lost_by_reference(found))


def move_up(manifest: Manifest, field: str) -> None:
    manifest["spec"][field] = manifest["spec"]["templates"][0].pop(field)


# ConfigMaps


def unknown_keys(found: list[Manifest]) -> list[str]:
    """Return the ConfigMaps, and keys of them, that are read and are not there."""
    maps = {name: one["data"] for name, one in of_kind(found, "ConfigMap").items()}
    problems = []
    for one in found:
        for keys, value in walk(one):
            if keys[-1:] not in (("configMapRef",), ("configMapKeyRef",)) or value.get("optional"):
                continue
            if value["name"] not in maps:
                problems.append(value["name"])
            elif (key := value.get("key", "{{")) not in maps[value["name"]] and "{{" not in key:
                problems.append(f"{value['name']}.{key}")
    return problems


def test_every_key_of_a_config_map_is_there() -> None:
    assert unknown_keys(manifests()) == []


def test_a_key_that_is_not_there_is_found() -> None:
    found = manifests()
    del found[[one["metadata"].get("name") for one in found].index("oriane-crop")]
    container = workflow_spec(of_kind(found, "WorkflowTemplate")["fetch"])["templates"][0]
    reference = {"configMapKeyRef": {"name": "oriane-work", "key": "VP_NONSENSE"}}
    container["container"]["env"].append({"name": "X", "valueFrom": reference})
    assert {"oriane-crop", "oriane-work.VP_NONSENSE"} <= {*unknown_keys(found)}


def test_a_run_may_choose_every_semaphore_and_no_other() -> None:
    """The key is a parameter, so only its enum keeps a run from waiting for ever."""
    keys = of_kind(manifests(), "ConfigMap")[SEMAPHORES_NAME]["data"]
    assert keys == SEMAPHORES
    for name, template in of_kind(manifests(), "WorkflowTemplate").items():
        parameters = workflow_spec(template).get("arguments", {}).get("parameters", ())
        for parameter in parameters:
            # A batch gets it from the run that starts it.
            if parameter["name"] == "shards_in_flight" and not name.endswith("-batch"):
                assert parameter["enum"] == [*keys], name


# What Argo 4 took away, or takes otherwise than one expects


def outdated(found: list[Manifest]) -> list[str]:
    """Return fields that Argo 4 ignores or refuses, and values that it misreads."""
    problems = []
    for one in found:
        spec = workflow_spec(one)
        if one["kind"] == "CronWorkflow" and "schedule" in one["spec"]:
            problems.append("schedule: use schedules")
        for keys, value in walk(spec):
            if keys[-2:] in (("synchronization", "mutex"), ("synchronization", "semaphore")):
                problems.append(f"{keys[-1]}: use the plural")
            if keys[-1:] == ("podPriority",):
                problems.append("podPriority: use podPriorityClassName")
            if keys[-2:] == ("retryStrategy", "limit") and not isinstance(value, str):
                problems.append("retryStrategy.limit: write a string")
            if keys[-1:] in (("container",), ("script",)) and not value.get("command"):
                problems.append("no command: Argo would ask the registry for the entrypoint")
            if keys[-1:] in (("value",), ("default",)) and value == "null":
                problems.append("the text null, of a parameter without a value")
    return problems


def test_nothing_is_used_that_argo_4_took_away() -> None:
    workflows = {"CronWorkflow", "Workflow", "WorkflowTemplate"}
    assert outdated([one for one in manifests() if one["kind"] in workflows]) == []


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"synchronization": {"semaphore": {}}}, "semaphore: use the plural"),
        ({"templates": [{"synchronization": {"mutex": {}}}]}, "mutex: use the plural"),
        ({"podPriority": 1}, "podPriority"),
        ({"templates": [{"retryStrategy": {"limit": 3}}]}, "retryStrategy.limit"),
        ({"templates": [{"container": {"image": "x"}}]}, "no command"),
        ({"arguments": {"parameters": [{"name": "a", "value": "null"}]}}, "the text null"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_argo_4_took_away_is_found(spec: Manifest, problem: str) -> None:
    (said,) = outdated([{"kind": "WorkflowTemplate", "spec": spec}])
    assert said.startswith(problem)


# Argo's own linter, where it is found


@pytest.mark.skipif(not shutil.which("argo"), reason="argo not found: install Argo's command line")
def test_argo_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    kinds = {"ClusterWorkflowTemplate", "CronWorkflow", "Workflow", "WorkflowTemplate"}
    for number, one in enumerate(manifests()):
        if one["kind"] in kinds:
            one["metadata"]["namespace"] = "oriane"
            (tmp_path / f"{number:03d}.yaml").write_text(yaml.safe_dump(one))
    command = ["argo", "lint", "--offline", str(tmp_path)]
    env = {**os.environ, "KUBECONFIG": os.devnull}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
