"""The WorkflowTemplates that check an installation: each component's own check, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml
from hera.workflows import DAG, Resource, Suspend, Task, WorkflowTemplate
from hera.workflows import models as m

from components.contract import Component
from workflows.argo.terms import (
    CHECK,
    COMPONENT_LABEL,
    EXECUTOR,
    LABELS,
    LAUNCHER,
    POD_SECURITY,
    PODS,
    RESTRICTED_RESOURCE,
    described,
    template_name,
)

DOCTOR = "doctor"
# The child workflow that the launcher's account starts, as it would for batches of shards.
CHILDREN = "children"
# A step without a pod: what is looked at is who may start a workflow and read it.
_NOTHING = "nothing"


def doctor_template_name(gpu: bool) -> str:
    """Return the name of the WorkflowTemplate that checks an installation."""
    return f"{DOCTOR}-gpu" if gpu else DOCTOR


def doctor_template(
    declared: Sequence[Component[Any, Any]], *, gpu: bool = False
) -> WorkflowTemplate:
    """Return the WorkflowTemplate that runs every component's check and starts a child workflow."""
    checks = [
        Task(
            name=each.name,
            template_ref=m.TemplateRef(name=template_name(each, gpu), template=CHECK),
        )
        for each in declared
    ]
    children = Resource(
        name=CHILDREN,
        action="create",
        set_owner_reference=True,
        success_condition="status.phase == Succeeded",
        failure_condition="status.phase in (Failed, Error)",
        manifest=_child(),
        service_account_name=PODS,
        automount_service_account_token=False,
        executor=m.ExecutorConfig(service_account_name=LAUNCHER),
        pod_security_context=POD_SECURITY,
        pod_spec_patch=RESTRICTED_RESOURCE,
        labels={**LABELS, COMPONENT_LABEL: CHILDREN},
    )
    return WorkflowTemplate(
        name=doctor_template_name(gpu),
        labels=LABELS,
        annotations=described(
            "Look whether each component finds what it needs: node, image, account, settings, "
            "credentials, stores and weights"
        ),
        entrypoint=DOCTOR,
        templates=[
            DAG(
                name=DOCTOR,
                fail_fast=False,
                tasks=[*checks, Task(name=CHILDREN, template=CHILDREN)],
            ),
            children,
            Suspend(name=_NOTHING, duration="1s"),
        ],
        service_account_name=PODS,
        automount_service_account_token=False,
        executor=m.ExecutorConfig(service_account_name=EXECUTOR),
        security_context=POD_SECURITY,
        active_deadline_seconds=1800,
        ttl_strategy=m.TTLStrategy(seconds_after_completion=24 * 3600),
    )


def _child() -> str:
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "doctor-child-", "labels": LABELS},
        # By reference, since a controller may allow nothing else.
        "spec": {"workflowTemplateRef": {"name": DOCTOR}, "entrypoint": _NOTHING},
    }
    return yaml.safe_dump(manifest, sort_keys=False, width=1000)
