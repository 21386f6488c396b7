"""The WorkflowTemplate of a component.

It brings everything its pods need (volumes, security, retries, tolerations), because `templateRef`
takes nothing along from the workflow around it.
"""

from __future__ import annotations

from typing import Any

from hera.workflows import Container, Parameter, WorkflowTemplate
from hera.workflows import models as m
from pydantic.fields import FieldInfo

from components.contract import Component, ShardOutputs
from components.errors import EXIT_TRANSIENT
from workflows.argo.access import account_of
from workflows.argo.metrics import template_metrics
from workflows.argo.terms import (
    EXECUTOR,
    LABELS,
    POD_SECURITY,
    RESTRICTED,
    RETRY_LIMIT,
    VERSION,
    choices,
    described,
    from_input,
    template_name,
    text_of,
)
from workflows.config_maps import (
    config_map_name,
    groups_of,
    own_secret_of,
    pod_size_variables,
    secrets_of,
)

_TERMINATED = (137, 143)  # 128 + SIGKILL, 128 + SIGTERM
_RETRIES = m.RetryStrategy(
    limit=RETRY_LIMIT,
    retry_policy="Always",
    backoff=m.Backoff(duration="15s", factor="3", max_duration="1h"),
    expression='lastRetry.status == "Error" || asInt(lastRetry.exitCode) in '
    f"{[EXIT_TRANSIENT, *_TERMINATED]}",
)
_GPU_TOLERATION = m.Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule")


def component_template(declared: Component[Any, Any], *, gpu: bool = False) -> WorkflowTemplate:
    """Return the WorkflowTemplate with the component's one template, of the same name.

    Args:
        gpu: Ask for the GPUs that the contract declares, and run the CUDA image on them.
    """
    name = template_name(declared, gpu)
    container = Container(
        name=name,
        image=f"{declared.image}:{VERSION}{'-cuda' if gpu else ''}",
        image_pull_policy="IfNotPresent",
        command=["python", "-m", "components", declared.name],
        args=_flags(declared),
        inputs=[_input(name, field) for name, field in declared.inputs.model_fields.items()],
        outputs=[
            Parameter(
                name=output,
                description=field.description,
                value_from=m.ValueFrom(path=_output_path(output)),
            )
            for output, field in declared.outputs.model_fields.items()
        ],
        env=_environment(declared),
        env_from=_environment_from(declared),
        resources=_resources(declared, gpu),
        tolerations=[_GPU_TOLERATION] if gpu else None,
        node_selector={"nvidia.com/gpu.present": "true"} if gpu else None,
        volumes=[_scratch(declared)],
        volume_mounts=[m.VolumeMount(name="tmp", mount_path="/tmp")],  # noqa: S108
        retry_strategy=_RETRIES,
        active_deadline_seconds=declared.resources.deadline_s,
        labels={**LABELS, "app.kubernetes.io/component": declared.name},
        metrics=template_metrics(declared),
        security_context=m.SecurityContext(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=m.Capabilities(drop=["ALL"]),
        ),
        pod_security_context=POD_SECURITY,
        service_account_name=account_of(declared),
        pod_spec_patch=RESTRICTED,
        automount_service_account_token=False,
        executor=m.ExecutorConfig(service_account_name=EXECUTOR),
    )
    return WorkflowTemplate(
        name=name,
        labels=LABELS,
        annotations=described(declared.purpose),
        templates=[container],
    )


def _input(name: str, field: FieldInfo) -> Parameter:
    if field.is_required():
        return Parameter(name=name, description=field.description)
    return Parameter(
        name=name,
        description=field.description,
        default=text_of(field.default),
        enum=choices(field),
    )


def _flags(declared: Component[Any, Any]) -> list[str]:
    inputs = [(f"--{name}", from_input(name)) for name in declared.inputs.model_fields]
    outputs = [(f"--out_{name}", _output_path(name)) for name in declared.outputs.model_fields]
    return [part for flag in [*inputs, *outputs] for part in flag]


def _output_path(name: str) -> str:
    return f"/tmp/outputs/{name}"  # noqa: S108


def _environment(declared: Component[Any, Any]) -> list[m.EnvVar]:
    """Return what the template knows better than a setting: the pod's size, and which try it is."""
    environment = pod_size_variables(declared)
    if issubclass(declared.outputs, ShardOutputs):
        environment["VP_ATTEMPT"] = "{{retries}}"
        environment["VP_LAST_ATTEMPT"] = RETRY_LIMIT
    return [m.EnvVar(name=name, value=value) for name, value in environment.items()]


def _environment_from(declared: Component[Any, Any]) -> list[m.EnvFromSource]:
    settings = [
        m.EnvFromSource(config_map_ref=m.ConfigMapEnvSource(name=config_map_name(group)))
        for group in groups_of(declared)
    ]
    credentials = [
        m.EnvFromSource(secret_ref=m.SecretEnvSource(name=name, optional=True))
        for name in [*secrets_of(declared), own_secret_of(declared)]
    ]
    return settings + credentials


def _resources(declared: Component[Any, Any], gpu: bool) -> m.ResourceRequirements:
    needs = declared.resources
    memory = {"memory": f"{needs.memory_gib * 1024:.0f}Mi"}
    gpus = {"nvidia.com/gpu": str(needs.gpu)} if gpu else {}
    return m.ResourceRequirements(
        requests={"cpu": f"{needs.cpu * 1000:.0f}m", **memory, **gpus}, limits={**memory, **gpus}
    )


def _scratch(declared: Component[Any, Any]) -> m.Volume:
    size = f"{declared.resources.disk_gib * 1024:.0f}Mi"
    return m.Volume(name="tmp", empty_dir=m.EmptyDirVolumeSource(size_limit=size))
