"""What is rendered for Argo: complete, least, and the same DAG as everywhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.pipeline import component, components, video_to_embedding
from components.settings import Settings
from workflows.argo import templates as argo
from workflows.argo.objects import rendered
from workflows.config_maps import config_maps

ROOT = Path(__file__).parents[1]
ON_GPU = {"crop-gpu", "prepare-gpu", "embed-gpu"}
SECRETS = {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "QDRANT_KEY"}


@cache
def documents() -> list[dict[str, Any]]:
    """Return every rendered object."""
    texts = rendered().values()
    return [document for text in texts for document in yaml.load_all(text, yaml.CSafeLoader)]


def objects(kind: str) -> dict[str, dict[str, Any]]:
    """Return the rendered objects of a kind by name."""
    return {found["metadata"]["name"]: found for found in documents() if found["kind"] == kind}


def template_of(name: str) -> dict[str, Any]:
    templates = objects("WorkflowTemplate")[name]["spec"]["templates"]
    found: dict[str, Any] = templates[0]
    assert found["name"] == name
    return found


def sources(template: dict[str, Any]) -> set[str]:
    """Return the ConfigMaps and Secrets that a template's pod sees."""
    return {next(iter(source.values()))["name"] for source in template["container"]["envFrom"]}


@pytest.mark.parametrize("name", [declared.name for declared in components()])
def test_a_component_brings_all_it_needs(name: str) -> None:
    declared, template = component(name), template_of(name)
    container = template["container"]
    assert container["command"] == ["python", "-m", "components", name]
    inputs = {parameter["name"]: parameter for parameter in template["inputs"]["parameters"]}
    assert inputs.keys() == declared.inputs.model_fields.keys()
    for field, info in declared.inputs.model_fields.items():
        assert ("default" in inputs[field]) == (not info.is_required())
        assert inputs[field]["description"] == info.description
        assert f"--{field}" in container["args"]
    outputs = {parameter["name"] for parameter in template["outputs"]["parameters"]}
    assert outputs == declared.outputs.model_fields.keys()
    assert template["activeDeadlineSeconds"] == declared.resources.deadline_s
    assert template["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert template["securityContext"]["runAsNonRoot"] is True
    retries = template["retryStrategy"]
    assert "[-1, 75, 137, 143]" in retries["expression"]
    assert "maxDuration" not in retries["backoff"], "it would be the deadline of later tries"
    assert isinstance(retries["limit"], str), "Argo's schema refuses a number"
    assert template["metrics"]["prometheus"]
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"


@pytest.mark.parametrize("name", [declared.name for declared in components()] + sorted(ON_GPU))
def test_a_check_runs_in_the_same_pod_as_the_component(name: str) -> None:
    template, check = objects("WorkflowTemplate")[name]["spec"]["templates"]
    own = {"args", "command", "env"}
    assert check["name"] == "check"
    assert {k: v for k, v in check["container"].items() if k not in own} == {
        k: v for k, v in template["container"].items() if k not in own
    }
    for field in ("serviceAccountName", "volumes", "nodeSelector", "tolerations", "podSpecPatch"):
        assert check.get(field) == template.get(field)
    assert "retryStrategy" not in check, "it tells at once"
    assert "metrics" not in check, "it is no work of the phase"
    assert (
        check["container"]["env"]
        == [
            each
            for each in template["container"]["env"]
            if each["name"] not in ("VP_ATTEMPT", "VP_LAST_ATTEMPT")
        ]
        or name == "plan"
    )


def test_neither_checks_nor_nights_wait_for_ever() -> None:
    for declared in components():
        for template in objects("WorkflowTemplate")[declared.name]["spec"]["templates"]:
            # Argo 4.1.2 never looks at it beside a retryStrategy.
            assert template.get("pendingTimeout") == (
                None if "retryStrategy" in template else "10m"
            )
    night = objects("CronWorkflow")["nightly-catch-up"]["spec"]
    assert night["workflowSpec"]["activeDeadlineSeconds"] < 24 * 3600
    assert night["suspend"] is True


def test_pods_ask_for_the_disk_that_their_files_take() -> None:
    for declared in components():
        template = template_of(declared.name)
        (volume,) = template["volumes"]
        asked = template["container"]["resources"]["requests"]["ephemeral-storage"]
        limit = volume["emptyDir"]["sizeLimit"]
        assert int(asked.removesuffix("Mi")) > int(limit.removesuffix("Mi"))


@pytest.mark.parametrize("suffix", ["", "-fused"])
def test_what_is_stopped_at_once_skips_the_pods_that_would_pass_it_on(suffix: str) -> None:
    templates = objects("WorkflowTemplate")[f"video-to-embedding{suffix}-batch"]["spec"]
    shard = next(found for found in templates["templates"] if found["name"] == "shard")
    tasks = {task["name"]: task for task in shard["dag"]["tasks"]}
    first, *between, last = [step.name for step in video_to_embedding(fused=bool(suffix)).each]
    assert "when" not in tasks[first]
    assert "when" not in tasks[last], "it books what was rejected"
    assert all("outputs.parameters.done" in tasks[name]["when"] for name in between)
    (manifest, *_) = tasks[last]["arguments"]["parameters"]
    order = re.findall(r"tasks\.(\w+)\.", manifest["value"])
    assert order == [*reversed(between), first]


def test_pods_see_only_what_their_component_declares() -> None:
    assert sources(template_of("fetch")) == {
        "oriane-storage", "oriane-work", "oriane-limits", "oriane-s3", "oriane-s3-fetch",
    }  # fmt: skip
    assert "oriane-qdrant" in sources(template_of("index"))
    plan = sources(template_of("plan"))
    assert "oriane-index" in plan, "to compare what made earlier results"
    assert "oriane-qdrant" not in plan
    assert "oriane-postgres" in sources(template_of("record"))
    for name in ("fetch", "crop", "frame", "dedup", "upload", "embed"):
        assert {"oriane-qdrant", "oriane-postgres"}.isdisjoint(sources(template_of(name)))


def test_no_credential_is_rendered_and_every_setting_is_known() -> None:
    known = {variable.name for _, group in Settings.groups() for variable in group.variables()}
    for config_map in config_maps():
        assert config_map["data"].keys() <= known - SECRETS - {"DB_PASSWORD", "ARGO_TOKEN"}
    assert not any(secret in text for text in rendered().values() for secret in SECRETS)


def test_a_pod_with_default_settings_has_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    default = Settings.load()
    for config_map in config_maps():
        for name, value in config_map["data"].items():
            monkeypatch.setenv(name, value)
    assert Settings.load() == default


def test_only_gpu_templates_ask_for_gpus() -> None:
    for name, template in objects("WorkflowTemplate").items():
        for found in template["spec"]["templates"]:
            limits = found.get("container", {}).get("resources", {}).get("limits", {})
            assert ("nvidia.com/gpu" in limits) == (name in ON_GPU), name
    for name in ON_GPU:
        template = template_of(name)
        assert template["container"]["image"].endswith("-cuda")
        assert template["nodeSelector"]
        assert template["tolerations"]
    chosen = {"name": "VP_DEVICE", "value": "cuda"}
    assert chosen in template_of("embed-gpu")["container"]["env"], "or it would use the CPU there"
    assert chosen not in template_of("embed")["container"]["env"]


@pytest.mark.parametrize("suffix", ["", "-gpu", "-fused", "-fused-gpu"])
def test_the_dag_is_the_pipeline(suffix: str) -> None:
    templates = objects("WorkflowTemplate")[f"video-to-embedding{suffix}-batch"]["spec"]
    shard = next(found for found in templates["templates"] if found["name"] == "shard")
    tasks = {task["name"]: task for task in shard["dag"]["tasks"]}
    pipeline = video_to_embedding(fused="-fused" in suffix)
    assert tasks.keys() == {step.name for step in pipeline.each}
    for step in pipeline.each:
        task = tasks[step.name]
        depends = set(filter(None, task.get("depends", "").split(" && ")))
        assert depends == step.depends_on - {"plan"}
        on_gpu = suffix.endswith("-gpu") and step.component.resources.gpu
        assert task["templateRef"]["name"] == (f"{step.name}-gpu" if on_gpu else step.name)
    assert shard["dag"]["failFast"] is False


@pytest.mark.parametrize("suffix", ["", "-gpu", "-fused", "-fused-gpu"])
def test_shards_are_shown_by_their_names(suffix: str) -> None:
    templates = objects("WorkflowTemplate")[f"video-to-embedding{suffix}-batch"]["spec"]
    shards, shard = templates["templates"]
    annotations = {"workflows.argoproj.io/display-name": "{{inputs.parameters.name}}"}
    assert shard["annotations"] == annotations, "beside its metadata, which is its pods'"
    (task,) = shards["dag"]["tasks"]
    given = {each["name"]: each["value"] for each in task["arguments"]["parameters"]}
    assert given["name"] == "{{item}}"
    assert "item" not in task["withParam"], "Argo fills in no expression of both item and inputs"


@pytest.mark.parametrize("suffix", ["", "-gpu", "-fused", "-fused-gpu"])
def test_no_leaf_of_a_run_hides_that_plan_failed(suffix: str) -> None:
    """Argo takes a DAG's phase from its leaves, and one that continues on failure never fails."""
    templates = objects("WorkflowTemplate")[f"video-to-embedding{suffix}"]["spec"]["templates"]
    (run,) = [found for found in templates if found["name"] == "run"]
    assert not any("continueOn" in task for task in run["dag"]["tasks"])


@pytest.mark.parametrize("suffix", ["", "-gpu", "-fused", "-fused-gpu"])
def test_questions_are_asked_after_the_digest_where_a_run_is_to_and_there_are_any(
    suffix: str,
) -> None:
    spec = objects("WorkflowTemplate")[f"video-to-embedding{suffix}"]["spec"]
    templates = {
        found["name"]: found["dag"]["tasks"] for found in spec["templates"] if "dag" in found
    }
    digest, asked = templates[spec["onExit"]]
    assert (digest["name"], asked["depends"]) == ("digest", "digest")
    assert asked["when"] == (
        "{{workflow.parameters.ask_watches}} == true "
        "&& {{tasks.digest.outputs.parameters.watches}} != 0"
    )
    assert "watches" in component("digest").outputs.model_fields
    (watch,) = templates[asked["template"]]
    assert watch["templateRef"] == {"name": "watch", "template": "watch"}
    assert watch["continueOn"] == {"failed": True, "error": True}, "the videos are done"
    parameters = {each["name"]: each["value"] for each in spec["arguments"]["parameters"]}
    assert parameters["ask_watches"] == "false"
    nightly = objects("CronWorkflow")["nightly-catch-up"]["spec"]["workflowSpec"]
    given = {each["name"]: each["value"] for each in nightly["arguments"]["parameters"]}
    assert given["ask_watches"] == "true"


def test_the_pod_that_asks_questions_runs_a_command_that_there_is() -> None:
    from typer.testing import CliRunner

    from workflows.cli.app import app

    container = template_of("watch")["container"]
    assert container["command"] == ["python", "-m", "workflows.cli"]
    assert CliRunner().invoke(app, [*container["args"], "--help"]).exit_code == 0


def test_a_hundred_thousand_videos_fit() -> None:
    """The parent's parameters stay far below what an etcd object holds."""
    from components.plan.batches import batched_shards

    batches = batched_shards(100_000, 100)
    assert len(batches) == 1000
    assert sum(batch.count for batch in batches) == 100_000
    assert [batch.first for batch in batches] == list(range(0, 100_000, 100))
    assert len("".join(batch.model_dump_json() for batch in batches)) < 50_000


@pytest.mark.slow
def test_hera_finds_the_same_templates() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    hera = Path(sys.executable).parent / "hera"
    command = [hera, "generate", "yaml", str(ROOT / "workflows" / "argo" / "templates.py")]
    text = subprocess.check_output(command, env=environment, text=True)
    names = {found["metadata"]["name"] for found in yaml.safe_load_all(text)}
    assert names == {*argo.TEMPLATES}


def test_every_rendered_file_is_in_a_kustomization() -> None:
    for path in rendered():
        folder = ROOT / "k8s" / path.parent
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
        assert path.name in kustomization["resources"]


def test_the_example_overlay_patches_what_there_is() -> None:
    overlay = yaml.safe_load((ROOT / "k8s/examples/overlay/kustomization.yaml").read_text())
    patches = [yaml.safe_load(p["patch"]) for p in overlay["patches"] if "target" not in p]
    known = {made["metadata"]["name"]: made["data"].keys() for made in config_maps()}
    for patch in patches:
        assert patch["data"].keys() <= known[patch["metadata"]["name"]]
    made = {each.image for each in components()} | {"oriane-serve"}
    assert {image["name"] for image in overlay["images"]} == made
