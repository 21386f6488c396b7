"""The WorkflowTemplate of a component.

It brings everything its pods need (volumes, security, retries, tolerations), because `templateRef`
takes nothing along from the workflow around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hera.workflows import Container, Parameter, WorkflowTemplate
from hera.workflows import models as m
from pydantic.fields import FieldInfo

from components.contract import Component, ShardOutputs
from components.errors import EXIT_TRANSIENT
from components.running.leases import CLUSTER_H
from workflows.argo.access import account_of
from workflows.argo.metrics import template_metrics
from workflows.argo.terms import (
    CONTAINER_SECURITY,
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
# Argo's code for a pod whose container never ran: the node refused it, or went down.
_NEVER_RAN = -1
# Kubernetes' words about a pod that ran into activeDeadlineSeconds. It ends with 143, too, but what
# hung for hours would hang again.
_HUNG = "Pod was active on the node longer than the specified deadline"
_RETRIES = m.RetryStrategy(
    limit=RETRY_LIMIT,
    retry_policy="Always",
    # No max_duration: Argo counts it from the start of the first try and makes it the deadline of
    # the later ones, so that a pod which is lost after an hour would have no successor.
    backoff=m.Backoff(duration="15s", factor="3"),
    expression=f'lastRetry.status == "Error" || (lastRetry.message != "{_HUNG}" && '
    f"asInt(lastRetry.exitCode) in {[_NEVER_RAN, EXIT_TRANSIENT, *_TERMINATED]})",
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
        env=_environment(declared, gpu),
        env_from=read_from(groups_of(declared), [*secrets_of(declared), own_secret_of(declared)]),
        resources=_resources(declared, gpu),
        tolerations=[_GPU_TOLERATION] if gpu else None,
        node_selector={"nvidia.com/gpu.present": "true"} if gpu else None,
        volumes=[_scratch(declared)],
        volume_mounts=[m.VolumeMount(name="tmp", mount_path="/tmp")],  # noqa: S108
        retry_strategy=_RETRIES,
        active_deadline_seconds=declared.resources.deadline_s,
        labels={**LABELS, "app.kubernetes.io/component": declared.name},
        metrics=template_metrics(declared),
        security_context=CONTAINER_SECURITY,
        # For what dies without last words of its own: the message that Argo's UI shows.
        termination_message_policy="FallbackToLogsOnError",
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


def read_from(groups: Sequence[str], secrets: Sequence[str]) -> list[m.EnvFromSource]:
    """Return what a pod reads: the ConfigMaps of groups of settings, and Secrets, where there."""
    settings = [
        m.EnvFromSource(config_map_ref=m.ConfigMapEnvSource(name=config_map_name(group)))
        for group in groups
    ]
    credentials = [
        m.EnvFromSource(secret_ref=m.SecretEnvSource(name=name, optional=True)) for name in secrets
    ]
    return settings + credentials


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


def _environment(declared: Component[Any, Any], gpu: bool) -> list[m.EnvVar]:
    """Return what the template knows better than a setting: the pod's size, and which try it is."""
    environment = pod_size_variables(declared)
    if issubclass(declared.outputs, ShardOutputs):
        environment["VP_ATTEMPT"] = "{{retries}}"
        environment["VP_LAST_ATTEMPT"] = RETRY_LIMIT
    if gpu and declared.cuda == "torch":
        # Else it would compute on the CPU of a node without a driver, and hold a GPU.
        environment["VP_DEVICE"] = "cuda"
    if "plan" in declared.settings:
        # Short, since `leases` renews them; the setting is for engines without such a pod.
        environment["VP_LEASE_HOURS"] = f"{CLUSTER_H:.3f}"
    return [m.EnvVar(name=name, value=value) for name, value in environment.items()]


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
