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
from components.running.leases import CLUSTER_H
from workflows.argo.access import buckets_of
from workflows.argo.metrics import template_metrics
from workflows.argo.pods import pod, read_from
from workflows.argo.terms import (
    CHECK,
    COMPONENT_LABEL,
    LABELS,
    RETRY_LIMIT,
    VERSION,
    PodTemplate,
    choices,
    described,
    from_input,
    template_name,
    text_of,
)
from workflows.config_maps import groups_of, own_secret_of, pod_size_variables, secrets_of

_TERMINATED = (137, 143)  # 128 + SIGKILL, 128 + SIGTERM
# Argo's code for a pod whose container never ran: the node refused it, or went down.
_NEVER_RAN = -1
# Kubernetes' words about a pod that ran into activeDeadlineSeconds. It ends with 143, too, but what
# hung for hours would hang again.
_HUNG = "Pod was active on the node longer than the specified deadline"
RETRIES = m.RetryStrategy(
    limit=RETRY_LIMIT,
    retry_policy="Always",
    # No max_duration: Argo counts it from the start of the first try and makes it the deadline of
    # the later ones, so that a pod which is lost after an hour would have no successor.
    # 2, 20 and 200 s. Argo looks at the expression only once it has waited, so the first wait is
    # short: what is not tried again ends after it.
    backoff=m.Backoff(duration="2s", factor="10"),
    expression=f'lastRetry.status == "Error" || (lastRetry.message != "{_HUNG}" && '
    f"asInt(lastRetry.exitCode) in {[_NEVER_RAN, EXIT_TRANSIENT, *_TERMINATED]})",
)
_TRIES = {"VP_ATTEMPT": "{{retries}}", "VP_LAST_ATTEMPT": RETRY_LIMIT}
_CHECK_DEADLINE_S = 600
# Beside the files in /tmp, which have a limit of their own.
_LOGS_GIB = 0.1
_GPU_TOLERATION = m.Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule")


def component_template(declared: Component[Any, Any], *, gpu: bool = False) -> WorkflowTemplate:
    """Return the WorkflowTemplate: the component's template, of the same name, and its check.

    The check runs in the same pod in all that may be missing or forbidden: image, node, account,
    settings, credentials, volumes. It asks what the component will ask, and changes nothing.

    Args:
        gpu: Ask for the GPUs that the contract declares, and run the CUDA image on them.
    """
    name = template_name(declared, gpu)
    in_its_pod = _pod(declared, gpu)
    container = Container(
        name=name,
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
        env=_environment(declared, gpu, _TRIES),
        retry_strategy=RETRIES,
        active_deadline_seconds=declared.resources.deadline_s,
        metrics=template_metrics(declared),
        **in_its_pod,
    )
    check = Container(
        name=CHECK,
        command=["python", "-m", "components.running.check", declared.name],
        args=_rights(declared),
        env=_environment(declared, gpu, {}),
        active_deadline_seconds=_CHECK_DEADLINE_S,
        **in_its_pod,
    )
    return PodTemplate(
        name=name,
        # The switches of k8s/components choose by these, so that a new component is among theirs.
        labels={**LABELS, COMPONENT_LABEL: declared.name, "oriane/pod": "gpu" if gpu else "cpu"},
        annotations=described(declared.purpose),
        templates=[container, check],
    )


def _pod(declared: Component[Any, Any], gpu: bool) -> dict[str, Any]:
    """Return what the component's pods are, whatever runs in them."""
    return pod(
        declared.name,
        declared.image,
        tag=f"{VERSION}-cuda" if gpu else VERSION,
        scratch_mib=declared.resources.disk_gib * 1024,
        env_from=read_from(groups_of(declared), [*secrets_of(declared), own_secret_of(declared)]),
        resources=_resources(declared, gpu),
        tolerations=[_GPU_TOLERATION] if gpu else None,
        node_selector={"nvidia.com/gpu.present": "true"} if gpu else None,
    )


def _rights(declared: Component[Any, Any]) -> list[str]:
    """Return what the component does in each bucket, as its check takes it."""
    buckets = buckets_of(declared)
    given = {"videos": buckets.videos, "frames": buckets.frames, "artifacts": buckets.artifacts}
    return [f"--{bucket}={letters}" for bucket, letters in given.items() if letters]


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


def _environment(declared: Component[Any, Any], gpu: bool, tries: dict[str, str]) -> list[m.EnvVar]:
    """Return what the template knows better than a setting: the pod's size, and which try it is."""
    environment = pod_size_variables(declared)
    if tries and issubclass(declared.outputs, ShardOutputs):
        environment |= tries
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
    # Else a node may be given more pods than its disk holds, and evict some of them hours later.
    disk = {"ephemeral-storage": f"{(needs.disk_gib + _LOGS_GIB) * 1024:.0f}Mi"}
    gpus = {"nvidia.com/gpu": str(needs.gpu)} if gpu else {}
    return m.ResourceRequirements(
        requests={"cpu": f"{needs.cpu * 1000:.0f}m", **memory, **disk, **gpus},
        limits={**memory, **gpus},
    )
