"""What every pod of the templates is, whatever runs in it: who it is, and what it may not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hera.workflows import models as m

from workflows.argo.access import account_of
from workflows.argo.terms import (
    COMPONENT_LABEL,
    CONTAINER_SECURITY,
    EXECUTOR,
    LABELS,
    POD_SECURITY,
    RESTRICTED,
    VERSION,
)
from workflows.config_maps import config_map_name


def pod(
    name: str, image: str, *, scratch_mib: float, tag: str = VERSION, **own: Any
) -> dict[str, Any]:
    """Return the arguments of Hera's Container for a component, or for `leases` and `watch`.

    The pod has an account of that name, without a token of Kubernetes, and writes to /tmp alone.

    Args:
        scratch_mib: Size of /tmp.
        own: What is its own: settings it reads, resources, nodes.
    """
    size = f"{scratch_mib:.0f}Mi"
    return {
        "image": f"{image}:{tag}",
        "image_pull_policy": "IfNotPresent",
        "volumes": [m.Volume(name="tmp", empty_dir=m.EmptyDirVolumeSource(size_limit=size))],
        "volume_mounts": [m.VolumeMount(name="tmp", mount_path="/tmp")],  # noqa: S108
        "labels": {**LABELS, COMPONENT_LABEL: name},
        "security_context": CONTAINER_SECURITY,
        # For what dies without last words of its own: the message that Argo's UI shows.
        "termination_message_policy": "FallbackToLogsOnError",
        "pod_security_context": POD_SECURITY,
        "service_account_name": account_of(name),
        "pod_spec_patch": RESTRICTED,
        "automount_service_account_token": False,
        "executor": m.ExecutorConfig(service_account_name=EXECUTOR),
        **own,
    }


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
