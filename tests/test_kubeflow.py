"""What is compiled for Kubeflow is the contracts and the DAG, no more and no less."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.__main__ import parsed_arguments
from components.dag import Item, Output, Pipeline, Step, WiringError
from components.pipeline import COMPONENTS, component, components, video_to_embedding
from components.records.manifest import Manifest
from components.records.videos import SourceVideo, Video
from components.settings import Settings, StorageSettings
from components.stores.s3 import Store
from tests.commands import CLEAN, environment, oriane_here
from workflows.kubeflow import FOLDER, GPU, RETRIES, Target, kubeflow_pipeline, rendered_pipeline

# One worker compiles for all of them.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kubeflow")]
STEPS = {step.name: step for step in video_to_embedding().steps()}


class Compiled:
    """A compiled pipeline: its tasks and executors by the name of the component."""

    def __init__(self, text: str) -> None:
        self.spec, *platforms = yaml.load_all(text, Loader=yaml.CSafeLoader)
        self.once = self.spec["root"]["dag"]["tasks"]
        (self.loop,) = [task for task in self.once.values() if "parameterIterator" in task]
        self.each = self.spec["components"][self.loop["componentRef"]["name"]]["dag"]["tasks"]
        self.tasks = {
            **{name: task for name, task in self.once.items() if task is not self.loop},
            **self.each,
        }
        self.executors = self._by_component(self.spec["deploymentSpec"]["executors"])
        (platform,) = platforms
        kubernetes = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        self.pods = self._by_component(kubernetes)

    @staticmethod
    def _by_component(executors: dict[str, Any]) -> dict[str, Any]:
        return {name.removeprefix("exec-"): executor for name, executor in executors.items()}


@pytest.fixture(scope="module")
def files() -> dict[Path, str]:
    """The committed files, which another test holds to be what would be rendered."""
    return {path: path.read_text() for path in FOLDER.rglob("*.yaml")}


@pytest.fixture(scope="module")
def compiled(files: dict[Path, str]) -> Compiled:
    return Compiled(files[FOLDER / "pipeline.yaml"])


@cache
def compiled_for(**values: Any) -> Compiled:
    return Compiled(rendered_pipeline(Target(**values)))


# What one compiles for several tests.
FUSED_ON_CPUS = {"gpu": False, "fused": True, "parallelism": 0}


def parameters(spec: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = spec.get(kind, {}).get("parameters", {})
    return found


def test_importing_it_runs_no_phase() -> None:
    code = "import workflows.kubeflow as k, sys; k.rendered_kubeflow(); print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert {f"components.{name}.run" for name in COMPONENTS}.isdisjoint(loaded)
    assert {"av", "cv2", "torch", "qdrant_client", "psycopg"}.isdisjoint(loaded)


def test_the_pipeline_has_every_phase_where_the_dag_has_it(compiled: Compiled) -> None:
    pipeline = video_to_embedding()
    assert set(compiled.once) - {"for-loop-1"} == {step.name for step in pipeline.once}
    assert set(compiled.each) == {step.name for step in pipeline.each}
    iterated = compiled.loop["parameterIterator"]["items"]["inputParameter"]
    assert compiled.loop["inputs"]["parameters"][iterated]["taskOutputParameter"] == {
        "producerTask": pipeline.over.step,
        "outputParameterKey": f"out_{pipeline.over.name}",
    }


@pytest.mark.parametrize("name", STEPS)
def test_a_task_takes_what_the_step_takes(compiled: Compiled, name: str) -> None:
    """Resolve each argument through the loop's own inputs, as Kubeflow does."""
    loop_inputs = compiled.loop["inputs"]["parameters"]
    sources: dict[str, Any] = {}
    for argument, given in compiled.tasks[name]["inputs"]["parameters"].items():
        channel = given.get("componentInputParameter", "")
        outer = loop_inputs.get(channel, given)
        if channel.endswith("-loop-item"):
            sources[argument] = "item"
        elif output := outer.get("taskOutputParameter"):
            sources[argument] = (output["producerTask"], output["outputParameterKey"])
        elif channel:
            sources[argument] = f"parameter {channel}"
    wanted: dict[str, Any] = {}
    for argument, source in STEPS[name].arguments.items():
        if isinstance(source, Item):
            wanted[argument] = "item"
        elif isinstance(source, Output):
            wanted[argument] = (source.step, f"out_{source.name}")
        elif argument not in ("shards_per_batch", "shards_in_flight", "pods"):
            wanted[argument] = f"parameter {source.name}"
    assert sources == wanted


@pytest.mark.parametrize("name", [step.name for step in video_to_embedding().each])
def test_a_task_waits_for_those_it_depends_on(compiled: Compiled, name: str) -> None:
    inside = STEPS[name].depends_on & compiled.each.keys()
    assert set(compiled.each[name].get("dependentTasks", ())) == inside


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_has_the_contracts_inputs_and_outputs(
    files: dict[Path, str], name: str
) -> None:
    spec = yaml.safe_load(files[FOLDER / "components" / f"{name}.yaml"])["components"]
    declared, (made,) = component(name), spec.values()
    inputs = parameters(made, "inputDefinitions")
    outputs = parameters(made, "outputDefinitions")
    assert list(inputs) == sorted(declared.inputs.model_fields)
    assert list(outputs) == sorted(f"out_{field}" for field in declared.outputs.model_fields)
    for field_name, field in declared.inputs.model_fields.items():
        assert inputs[field_name]["description"] == field.description
        assert inputs[field_name].get("isOptional", False) is not field.is_required()
        if not field.is_required():
            assert inputs[field_name]["defaultValue"] == field.default
    for field_name, field in declared.outputs.model_fields.items():
        assert outputs[f"out_{field_name}"]["description"] == field.description
        is_list = str(field.annotation).startswith("tuple")
        assert (outputs[f"out_{field_name}"]["parameterType"] == "LIST") is is_list


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_command_is_one_that_the_component_understands(files: dict[Path, str], name: str) -> None:
    spec = yaml.safe_load(files[FOLDER / "components" / f"{name}.yaml"])
    (executor,) = spec["deploymentSpec"]["executors"].values()
    container = executor["container"]
    assert container["command"] == ["python", "-m", "components", name]
    parsed = vars(parsed_arguments([name, *container["args"]]))
    for field in component(name).inputs.model_fields:
        assert parsed[field] == f"{{{{$.inputs.parameters['{field}']}}}}"
    for field in component(name).outputs.model_fields:
        assert str(parsed[f"out_{field}"]) == (
            f"{{{{$.outputs.parameters['out_{field}'].output_file}}}}"
        )


@pytest.mark.parametrize("name", STEPS)
def test_a_task_asks_for_what_the_contract_needs(compiled: Compiled, name: str) -> None:
    needs = component(name).resources
    asked = compiled.executors[name]["container"]["resources"]
    memory = f"{round(needs.memory_gib * 1024)}Mi"
    assert asked["resourceMemoryRequest"] == asked["resourceMemoryLimit"] == memory
    assert float(asked["resourceCpuRequest"]) == float(asked["resourceCpuLimit"]) == needs.cpu
    pod = compiled.pods[name]
    assert int(pod["activeDeadlineSeconds"]) == needs.deadline_s
    (scratch,) = pod["emptyDirMounts"]
    assert int(scratch["sizeLimit"].removesuffix("Mi")) >= needs.disk_gib * 1024
    container = compiled.executors[name]["container"]
    environment = {variable["name"]: variable["value"] for variable in container["env"]}
    assert environment["VP_SCRATCH_DIR"] == scratch["mountPath"]
    assert environment["VP_LAST_ATTEMPT"] == "0"
    workers = int(environment["VP_MAX_WORKERS"])
    assert 1 <= workers <= max(1, needs.cpu)
    assert ("VP_DECODE_MEMORY_MB" in environment) is ("limits" in component(name).settings)
    assert workers * int(environment.get("VP_DECODE_MEMORY_MB", 0)) < needs.memory_gib * 1024


@pytest.mark.parametrize("name", STEPS)
def test_a_task_does_not_run_as_root(compiled: Compiled, name: str) -> None:
    """All that kfp lets a pipeline say; its backend drops capabilities by itself."""
    context = compiled.pods[name]["securityContext"]
    assert context == {"runAsUser": "10001", "runAsGroup": "10001", "runAsNonRoot": True}


def test_gpus_are_asked_for_where_they_are_used_and_wanted(compiled: Compiled) -> None:
    def with_gpu(which: Compiled) -> set[str]:
        return {
            name
            for name, executor in which.executors.items()
            if "accelerator" in executor["container"]["resources"]
        }

    assert with_gpu(compiled) == {name for name in STEPS if component(name).resources.gpu}
    assert {"crop", "embed"} <= with_gpu(compiled)
    for name in with_gpu(compiled):
        assert compiled.executors[name]["container"]["resources"]["accelerator"] == {
            "type": GPU,
            "resourceType": GPU,
            "count": "1",
            "resourceCount": "1",
        }
        assert compiled.pods[name]["tolerations"][0]["key"] == GPU
    without = compiled_for(gpu=False, tag="1.2")
    assert without.executors["crop"]["container"]["image"] == "oriane-crop:1.2"
    assert with_gpu(without) == set()
    assert not any("tolerations" in pod for pod in without.pods.values())


def test_every_task_is_retried_and_none_is_cached(compiled: Compiled) -> None:
    for name, task in compiled.tasks.items():
        retry = task["retryPolicy"]
        assert retry["maxRetryCount"] == RETRIES
        longest = (RETRIES + 1) * component(name).resources.deadline_s
        assert int(retry["backoffMaxDuration"].removesuffix("s")) > longest
        assert not task["cachingOptions"].get("enableCache", False)


@pytest.mark.parametrize("name", STEPS)
def test_settings_come_from_config_maps_and_credentials_from_secrets(
    compiled: Compiled, name: str
) -> None:
    pod = compiled.pods[name]
    declared = dict(Settings.groups())
    wanted = {"storage", "work", *component(name).settings}
    if component(name).compares:
        wanted |= {
            group
            for group, variables in declared.items()
            if any(made.decides for made in variables.variables())
        }
    for source in pod["configMapAsEnv"]:
        group = source["configMapName"].removeprefix("oriane-")
        wanted.remove(group)
        plain = {made.name for made in declared[group].variables() if not made.credential}
        assert {pair["envVar"] for pair in source["keyToEnv"]} <= plain
        assert all(pair["envVar"] == pair["configMapKey"] for pair in source["keyToEnv"])
    assert all(not list(declared[group].variables()) for group in wanted - {"plan"})
    secrets = {"storage": "oriane-s3", "index": "oriane-qdrant", "ledger": "oriane-postgres"}
    assert {
        source["secretName"]: {pair["envVar"] for pair in source["keyToEnv"]}
        for source in pod["secretAsEnv"]
    } == {
        secrets[group]: {made.name for made in declared[group].variables() if made.credential}
        for group in ("storage", "index", "ledger")
        if group == "storage" or group in component(name).settings
    }
    for source in [*pod["configMapAsEnv"], *pod["secretAsEnv"]]:
        assert source["optional"] is True


def test_images_shards_in_flight_and_their_size_are_the_targets() -> None:
    chosen = compiled_for(registry="ghcr.io/you/", tag="1.2", parallelism=3, videos_per_shard=5)
    images = {name: executor["container"]["image"] for name, executor in chosen.executors.items()}
    assert images["fetch"] == "ghcr.io/you/oriane-fetch:1.2"
    assert images["crop"] == "ghcr.io/you/oriane-crop:1.2-cuda"
    assert chosen.loop["iteratorPolicy"]["parallelismLimit"] == 3
    inputs = parameters(chosen.spec["root"], "inputDefinitions")
    assert inputs["videos_per_shard"]["defaultValue"] == 5
    assert inputs["source"] == {
        "defaultValue": "",
        "isOptional": True,
        "parameterType": "STRING",
        "description": component("plan").inputs.model_fields["source"].description,
    }


def test_fused_and_without_a_bound() -> None:
    chosen = compiled_for(**FUSED_ON_CPUS)
    assert set(chosen.each) == {step.name for step in video_to_embedding(fused=True).each}
    assert "iteratorPolicy" not in chosen.loop


def test_plan_is_told_what_pods_there_are(compiled: Compiled) -> None:
    for chosen, pods, at_once in [
        (compiled, "split-gpu", 8),
        (compiled_for(**FUSED_ON_CPUS), "fused", 256),
    ]:
        given = chosen.tasks["plan"]["inputs"]["parameters"]
        assert given["pods"]["runtimeValue"]["constant"] == pods
        assert given["shards_in_flight"]["runtimeValue"]["constant"] == at_once


def test_batches_which_need_child_workflows_are_not_offered(compiled: Compiled) -> None:
    inputs = parameters(compiled.spec["root"], "inputDefinitions")
    assert set(inputs) == {given.name for given in video_to_embedding().parameters} - {
        "shards_per_batch",
        "shards_in_flight",
        "pods",
    }


def test_a_miswired_pipeline_fails() -> None:
    pipeline = video_to_embedding()
    lost = replace(pipeline, each=tuple(step for step in pipeline.each if step.name != "crop"))
    with pytest.raises(WiringError, match=r"frame: nothing before it gives .*crop"):
        kubeflow_pipeline(lost, Target())
    shuffled = replace(pipeline, each=pipeline.each[::-1])
    with pytest.raises(WiringError, match="record: nothing before it gives"):
        kubeflow_pipeline(shuffled, Target())
    probed = Output("fetch", "manifests", tuple[Manifest[SourceVideo], ...])
    crop = Step(component("crop"), {"manifest": Item(probed)})
    other_list = Pipeline(pipeline.name, pipeline.parameters, pipeline.once, pipeline.over, (crop,))
    with pytest.raises(WiringError, match="crop: nothing before it gives"):
        kubeflow_pipeline(other_list, Target())


def test_components_load_from_their_files(files: dict[Path, str]) -> None:
    from kfp import components as kfp_components

    for declared in components():
        path = FOLDER / "components" / f"{declared.name}.yaml"
        loaded = kfp_components.load_component_from_file(str(path))
        assert loaded.name == declared.name
        assert loaded.description == f"{declared.purpose}."


def test_kubeflow_reads_the_shards_that_plan_writes(
    tmp_path: Path, storage: StorageSettings
) -> None:
    """Run plan as its container does; read its outputs as Kubeflow does."""
    from kfp.local.executor_output_utils import special_dsl_outputpath_read
    from kfp.pipeline_spec.pipeline_spec_pb2 import ParameterType

    store = Store(storage)
    for code in ("one", "two"):
        uri = f"s3://{storage.videos_bucket}/tiktok/{code}/video.mp4"
        store.put(uri, code.encode(), content_type="video/mp4")
    secret = storage.secret_access_key
    assert secret is not None
    outputs = {"shards": ParameterType.LIST, "videos": ParameterType.NUMBER_INTEGER}
    flags = [f"--out_{name}={tmp_path / name}" for name in outputs]
    # Kubeflow's numbers are floating-point, whatever their type, and its truths are in lower case.
    flags += ["--videos_per_shard", "1.0", "--catch_up", "false", "--run", "r1"]
    subprocess.run(
        [sys.executable, "-m", "components", "plan", "--source", "s3://oriane-contents/", *flags],
        env={
            **CLEAN,
            "LOCAL_MODE": "1",
            "AWS_ENDPOINT_URL": str(storage.endpoint_url),
            "AWS_ACCESS_KEY_ID": str(storage.access_key_id),
            "AWS_SECRET_ACCESS_KEY": secret.get_secret_value(),
        },
        check=True,
    )
    read = {
        name: special_dsl_outputpath_read(name, str(tmp_path / name), kind)
        for name, kind in outputs.items()
    }
    assert read == {
        "shards": [f"s3://oriane-artifacts/runs/r1/{shard:06d}/plan.jsonl" for shard in range(2)],
        "videos": 2,
    }
    for shard in read["shards"]:
        assert len(Manifest[Video](shard).read(store)) == 1


def test_the_command_line_compiles_to_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--registry", "ghcr.io/you", "--no-gpu", "--parallelism", "2"]
    oriane_here("render", "kubeflow", "--output", out, *options, env=environment(tmp_path))
    made = Compiled((out / "pipeline.yaml").read_text())
    assert made.loop["iteratorPolicy"]["parallelismLimit"] == 2
    assert {path.stem for path in (out / "components").iterdir()} == set(COMPONENTS)
    wrong = ["render", "kubeflow", "--output", out, "--parallelism", "-1"]
    assert "--parallelism" in oriane_here(*wrong, env=environment(tmp_path), code=2).stderr
