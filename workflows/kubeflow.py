"""Compiles the components and the DAG for Kubeflow Pipelines (`oriane render kubeflow`).

Names follow the command line of the components: an input `manifest` is the parameter `manifest`,
an output `manifest` the parameter `out_manifest`, because Kubeflow keeps both in one signature.
"""

from __future__ import annotations

import inspect
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import GenericAlias
from typing import Any, get_args, get_origin

from kfp import compiler, dsl, kubernetes
from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from components.contract import Component
from components.dag import Item, Output, Pipeline, PipelineInput, Source, Step, WiringError
from components.pipeline import components, pod_layout, video_to_embedding
from components.settings import Settings
from workflows.config_maps import (
    config_map_name,
    config_maps,
    groups_of,
    pod_size_variables,
    secrets_of,
)

FOLDER = Path(__file__).parent.parent / "k8s" / "kubeflow"
OUT = "out_"
RETRIES = 3
GPU = "nvidia.com/gpu"
# The user that the images run as.
_UID = 10001
_SCRATCH = "/scratch"
_NONE = inspect.Parameter.empty
# What stands for no bound on the shards in flight.
_UNBOUNDED = 256
# Kubeflow starts no child workflows, and with batches `shards` would be empty; the others are known
# when the pipeline is compiled.
_NOT_OFFERED = {"shards_per_batch", "shards_in_flight", "pods"}


@dataclass(frozen=True)
class Target:
    """What differs between platforms.

    `parallelism` bounds the shards in flight, 0 does not. `fused` compiles the pipeline that does
    fetch, crop, frame and dedup of a shard in one task.
    """

    registry: str = ""
    tag: str = ""
    gpu: bool = True
    parallelism: int = 8
    videos_per_shard: int | None = None
    fused: bool = False

    def image(self, component: Component[Any, Any]) -> str:
        """Return the image of the component, `<registry>/oriane-<name>:<tag>`.

        One that gets a GPU runs the image that is built for it, with `-cuda` after the tag.
        """
        prefix = f"{self.registry.rstrip('/')}/" if self.registry else ""
        variant = "-cuda" if self.gives_gpu(component) else ""
        return f"{prefix}{component.image}:{self.tag or metadata.version('oriane')}{variant}"

    def gives_gpu(self, component: Component[Any, Any]) -> bool:
        """Return whether the component gets a GPU."""
        return self.gpu and component.resources.gpu > 0


def kubeflow_component(component: Component[Any, Any], target: Target) -> Any:
    """Return the component as a Kubeflow container component."""
    inputs, outputs = component.inputs.model_fields, component.outputs.model_fields
    parameters = _in_order(
        [
            *(
                _parameter(name, _kubeflow_type(field.annotation), _default(field))
                for name, field in inputs.items()
            ),
            *(
                _parameter(f"{OUT}{name}", dsl.OutputPath(_kubeflow_type(field.annotation)))
                for name, field in outputs.items()
            ),
        ]
    )

    def specification(*placeholders: Any) -> Any:
        arguments: list[Any] = []
        for parameter, placeholder in zip(parameters, placeholders, strict=True):
            arguments += [f"--{parameter.name}", placeholder]
        return dsl.ContainerSpec(
            image=target.image(component),
            command=["python", "-m", "components", component.name],
            args=arguments,
        )

    described = {
        **{name: field.description for name, field in inputs.items()},
        **{f"{OUT}{name}": field.description for name, field in outputs.items()},
    }
    _pose_as(specification, component.name, component.purpose, parameters, described)
    return dsl.container_component(specification)


def kubeflow_pipeline(pipeline: Pipeline, target: Target) -> Any:
    """Return the DAG as a Kubeflow pipeline, with a ParallelFor for its fan-out.

    Raises:
        WiringError: a step takes what the pipeline does not give where it stands.
    """
    offered = [given for given in pipeline.parameters if given.name not in _NOT_OFFERED]
    inputs = _inputs_given(pipeline)
    defaults = {name: _default(field) for name, field in inputs.items()}
    if target.videos_per_shard is not None:
        defaults["videos_per_shard"] = target.videos_per_shard
    signature = _in_order(
        _parameter(given.name, _kubeflow_type(given.type), defaults.get(given.name, _NONE))
        for given in offered
    )

    def build(*channels: Any) -> None:
        given = dict(zip((parameter.name for parameter in signature), channels, strict=True))
        known: dict[Source, Any] = {parameter: given[parameter.name] for parameter in offered}
        for step in pipeline.once:
            _add(step, known, target)
        shards = _known(pipeline.over, known, pipeline.name)
        with dsl.ParallelFor(items=shards, name="shards", parallelism=target.parallelism) as shard:
            known[Item(pipeline.over)] = shard
            for step in pipeline.each:
                _add(step, known, target)

    described = {name: field.description for name, field in inputs.items()}
    purpose = "Turn the videos of a bucket into frame embeddings that can be searched"
    _pose_as(build, pipeline.name.replace("-", "_"), purpose, signature, described)
    return dsl.pipeline(name=pipeline.name)(build)


def rendered_kubeflow(target: Target | None = None, folder: Path = FOLDER) -> dict[Path, str]:
    """Return the text of `pipeline.yaml` and every `components/<name>.yaml` by its path."""
    target = target or Target()
    rendered = {folder / "pipeline.yaml": rendered_pipeline(target)}
    for component in components():
        path = folder / "components" / f"{component.name}.yaml"
        rendered[path] = _compiled(kubeflow_component(component, target))
    return rendered


def rendered_pipeline(target: Target) -> str:
    """Return the text of `pipeline.yaml`."""
    return _compiled(kubeflow_pipeline(video_to_embedding(fused=target.fused), target))


def _add(step: Step, known: dict[Source, Any], target: Target) -> None:
    """Add the step's task, and what it puts out to what is known."""
    arguments = {
        name: _known(source, known, step.name)
        for name, source in step.arguments.items()
        if name not in _NOT_OFFERED
    }
    if "pods" in step.arguments:
        arguments["pods"] = pod_layout(video_to_embedding(fused=target.fused), target.gpu)
        arguments["shards_in_flight"] = target.parallelism or _UNBOUNDED
    task = kubeflow_component(step.component, target)(**arguments)
    _configure(task, step.component, target)
    for name, field in step.component.outputs.model_fields.items():
        known[Output(step.name, name, field.annotation)] = task.outputs[f"{OUT}{name}"]


def _known(source: Source, known: Mapping[Source, Any], step: str) -> Any:
    try:
        return known[source]
    except KeyError:
        raise WiringError(f"{step}: nothing before it gives {source}") from None


def _configure(task: Any, component: Component[Any, Any], target: Target) -> None:
    """Set what Kubeflow keeps at the task: resources, retries, caching, environment."""
    needs = component.resources
    cpu, memory = f"{needs.cpu:g}", f"{math.ceil(needs.memory_gib * 1024)}Mi"
    task.set_cpu_request(cpu).set_cpu_limit(cpu)
    task.set_memory_request(memory).set_memory_limit(memory)
    if target.gives_gpu(component):
        task.set_accelerator_type(GPU).set_accelerator_limit(needs.gpu)
        kubernetes.add_toleration(task, key=GPU, operator="Exists", effect="NoSchedule")
    # No retry starts later than this after the first attempt began: leave time for all of them.
    longest = f"{(RETRIES + 1) * needs.deadline_s + 3600}s"
    task.set_retry(
        RETRIES, backoff_duration="30s", backoff_factor=2.0, backoff_max_duration=longest
    )
    # Kubeflow would reuse a task whose arguments are the same. Those are addresses: what lies
    # there, the source's ETag and the settings in the environment may have changed. Components
    # reuse by fingerprint themselves, which knows about all three.
    task.set_caching_options(enable_caching=False)
    kubernetes.set_timeout(task, needs.deadline_s)
    kubernetes.set_security_context(task, run_as_user=_UID, run_as_group=_UID, run_as_non_root=True)
    disk = f"{math.ceil(needs.disk_gib * 1024)}Mi"
    kubernetes.empty_dir_mount(task, "scratch", _SCRATCH, size_limit=disk)
    _give_environment(task, component)


def _give_environment(task: Any, component: Component[Any, Any]) -> None:
    """Bind each variable by name, because Kubeflow takes no ConfigMap or Secret as a whole."""
    task.set_env_variable("VP_SCRATCH_DIR", _SCRATCH)
    for name, value in pod_size_variables(component).items():
        task.set_env_variable(name, value)
    # Kubeflow starts no further shards once one has failed, and tells nobody which attempt it is.
    # So a failed video ends its phase with 0, is booked as failed, and the others go on.
    task.set_env_variable("VP_LAST_ATTEMPT", "0")
    settings = {made["metadata"]["name"]: made["data"] for made in config_maps()}
    for group in groups_of(component):
        name = config_map_name(group)
        variables = {variable: variable for variable in settings[name]}
        kubernetes.use_config_map_as_env(task, name, variables, optional=True)
    credentials = [
        {variable.name: variable.name for variable in group.variables() if variable.credential}
        for name, group in Settings.groups()
        if name == "storage" or name in component.settings
    ]
    for name, variables in zip(secrets_of(component), filter(None, credentials), strict=True):
        kubernetes.use_secret_as_env(task, name, variables, optional=True)


def _inputs_given(pipeline: Pipeline) -> dict[str, FieldInfo]:
    """Return by each parameter's name the first input that it is given to."""
    inputs: dict[str, FieldInfo] = {}
    for step in pipeline.steps():
        for name, source in step.arguments.items():
            if isinstance(source, PipelineInput):
                inputs.setdefault(source.name, step.component.inputs.model_fields[name])
    return inputs


def _default(field: FieldInfo) -> Any:
    return _NONE if field.is_required() else field.default


def _in_order(parameters: Iterable[inspect.Parameter]) -> list[inspect.Parameter]:
    """Return the parameters with those that have a default last, as a signature needs them."""
    return sorted(parameters, key=lambda given: given.default is not _NONE)


def _parameter(name: str, annotation: Any, default: Any = _NONE) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation
    )


def _kubeflow_type(annotation: Any) -> Any:
    """Return the type of Kubeflow's parameter: what the component reads and writes as text."""
    if get_origin(annotation) is tuple:
        return GenericAlias(list, (_kubeflow_type(get_args(annotation)[0]),))
    if annotation in (bool, int, float):
        return annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return str if issubclass(annotation, RootModel) else dict
    return str


def _pose_as(
    function: Callable[..., Any],
    name: str,
    purpose: str,
    parameters: list[inspect.Parameter],
    described: Mapping[str, str | None],
) -> None:
    """Give the function the name, signature and docstring that kfp reads an interface from."""
    sections: dict[str, list[str]] = {"Args": [], "Returns": []}
    for parameter in parameters:
        section = "Returns" if parameter.name.startswith(OUT) else "Args"
        sections[section].append(f"    {parameter.name}: {described.get(parameter.name, '')}")
    text = [f"{purpose}.", ""]
    for section, lines in sections.items():
        if lines:
            text += [f"{section}:", *lines, ""]
    function.__name__ = name
    function.__doc__ = "\n".join(text)
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]


def _compiled(definition: Any) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "compiled.yaml"
        compiler.Compiler().compile(definition, str(path))
        return path.read_text()
