"""The settings as Kubernetes objects: a ConfigMap a group, and the Secrets that hold credentials.

Every pod gets the groups that its component declares and no others.
"""

from __future__ import annotations

from typing import Any

from components.contract import Component
from components.settings import Group, Settings

# What the templates or images set themselves, what is an input, and what only one machine knows.
_NOT_IN_PODS = {
    "JOB_INPUT",
    "PROFILE_JSON",
    "VP_ATTEMPT",
    "VP_DATA_DIR",
    "VP_DECODE_MEMORY_MB",
    "VP_LAST_ATTEMPT",
    "VP_MAX_WORKERS",
    "VP_MODEL_DIR",
    "VP_SCRATCH_DIR",
    "VP_STAND_INS",
}
# Of "serve", k8s/components/serve has the ConfigMap.
_NOT_IN_CLUSTER = {"cluster", "metrics", "serve"}
# The rest is for the phase itself, beside the worker processes that decode.
_MEMORY_FOR_DECODING = 0.75
# A Secret by the group whose credentials it holds; it may be missing.
_SECRETS = {"storage": "oriane-s3", "index": "oriane-qdrant", "ledger": "oriane-postgres"}


def config_map_name(group: str) -> str:
    """Return the name of the ConfigMap of a group of settings."""
    return f"oriane-{group}"


def groups_of(component: Component[Any, Any]) -> list[str]:
    """Return the groups of settings that the component's pods see."""
    wanted = {"storage", "work", *component.settings}
    if component.compares:
        wanted |= _deciding()
    return [name for name, group in Settings.groups() if name in wanted and _data(group)]


def _deciding() -> set[str]:
    """Return the groups with a variable that decides the result of a phase."""
    return {
        name
        for name, group in Settings.groups()
        if any(variable.decides for variable in group.variables())
    }


def secrets_of(component: Component[Any, Any]) -> list[str]:
    """Return the names of the Secrets that the component's pods see."""
    wanted = {"storage", *component.settings}
    return [secret for group, secret in _SECRETS.items() if group in wanted]


def own_secret_of(component: Component[Any, Any]) -> str:
    """Return the name of the Secret with S3 credentials of the component alone.

    What it holds goes before what the one for all holds.
    """
    return f"{_SECRETS['storage']}-{component.name}"


def pod_size_variables(component: Component[Any, Any]) -> dict[str, str]:
    """Return the settings that follow from the size of the component's pods."""
    needs = component.resources
    workers = max(1, int(needs.cpu))
    variables = {"VP_MAX_WORKERS": str(workers)}
    if "limits" in component.settings:
        megabytes = needs.memory_gib * 1024 * _MEMORY_FOR_DECODING / workers
        variables["VP_DECODE_MEMORY_MB"] = str(int(megabytes))
    return variables


def config_maps() -> list[dict[str, Any]]:
    """Return the ConfigMaps with every variable at its default; empty means the same."""
    return [
        config_map(name)
        for name, group in Settings.groups()
        if name not in _NOT_IN_CLUSTER and _data(group)
    ]


def config_map(name: str) -> dict[str, Any]:
    """Return the ConfigMap of one group of settings."""
    group = dict(Settings.groups())[name]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": config_map_name(name),
            "labels": {"app.kubernetes.io/name": "oriane"},
            "annotations": {"oriane/settings": group.title},
        },
        "data": _data(group),
    }


def _data(group: type[Group]) -> dict[str, str]:
    return {
        variable.name: variable.text
        for variable in group.variables()
        if not variable.credential and variable.name not in _NOT_IN_PODS
    }
