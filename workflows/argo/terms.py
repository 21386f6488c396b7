"""Names and values that all templates share."""

from __future__ import annotations

import json
from importlib import metadata
from typing import Any

from hera.workflows import Parameter, WorkflowTemplate
from hera.workflows import models as m
from pydantic.fields import FieldInfo

from components.contract import Component

VERSION = metadata.version("oriane")
VERSION_LABEL = "app.kubernetes.io/version"
COMPONENT_LABEL = "app.kubernetes.io/component"
LABELS = {
    "app.kubernetes.io/name": "oriane",
    "app.kubernetes.io/instance": "oriane",
    "app.kubernetes.io/part-of": "oriane",
    "app.kubernetes.io/managed-by": "kustomize",
    VERSION_LABEL: VERSION,
}
# ServiceAccounts: the pods' own, their executors', and that of steps which start workflows.
PODS, EXECUTOR, LAUNCHER = "oriane-pods", "oriane-executor", "oriane-launcher"
# The template of every component that looks at what its pods need, and does nothing else.
CHECK = "check"
# How long the pod of a check may wait for a node and its image.
_CHECK_PENDING = "10m"
# Tries after the first.
RETRY_LIMIT = "3"

_UID = 10001
POD_SECURITY = m.PodSecurityContext(
    run_as_non_root=True,
    run_as_user=_UID,
    run_as_group=_UID,
    fs_group=_UID,
    seccomp_profile=m.SeccompProfile(type="RuntimeDefault"),
)
CONTAINER_SECURITY = m.SecurityContext(
    allow_privilege_escalation=False,
    read_only_root_filesystem=True,
    capabilities=m.Capabilities(drop=["ALL"]),
)
# Argo's own containers come without a security context, which Pod Security "restricted" refuses.
_PRIVILEGES = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
RESTRICTED = json.dumps(
    {
        "initContainers": [{"name": "init", "securityContext": _PRIVILEGES}],
        "containers": [{"name": "wait", "securityContext": _PRIVILEGES}],
    }
)
# The only container of a step that starts a workflow is Argo's, too.
RESTRICTED_RESOURCE = json.dumps(
    {
        "initContainers": [{"name": "init", "securityContext": _PRIVILEGES}],
        "containers": [{"name": "main", "securityContext": _PRIVILEGES}],
    }
)


class PodTemplate(WorkflowTemplate):
    """A WorkflowTemplate whose checks do not wait for ever to start.

    Argo 4.1 calls it `pendingTimeout`, which Hera's models do not have yet. Argo 4.1.2 looks at it
    only in templates without a retryStrategy, so in no others is it promised.
    """

    def to_dict(self) -> Any:
        """Return the manifest."""
        manifest = super().to_dict()
        manifest["kind"] = "WorkflowTemplate"  # Hera takes the name of the class.
        for template in manifest["spec"]["templates"]:
            if template["name"] == CHECK:
                template["pendingTimeout"] = _CHECK_PENDING
        return manifest


def template_name(declared: Component[Any, Any], gpu: bool) -> str:
    return f"{declared.name}-gpu" if gpu and declared.resources.gpu else declared.name


def described(text: str) -> dict[str, str]:
    return {"workflows.argoproj.io/description": f"{text}."}


def values(**values: str) -> list[Parameter]:
    return [Parameter(name=name, value=value) for name, value in values.items()]


def from_input(name: str) -> str:
    return f"{{{{inputs.parameters.{name}}}}}"


def choices(field: FieldInfo) -> list[str] | None:
    return ["true", "false"] if field.annotation is bool else None


def text_of(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
