"""The Kubernetes objects of `oriane serve`, which k8s/components/serve adds to an installation.

It has an account and credentials of its own, which only read; the NetworkPolicies of the phases say
what it may call, so that an overlay that narrows those narrows this, too.
"""

from __future__ import annotations

from typing import Any

from workflows.argo.access import SERVE
from workflows.argo.terms import COMPONENT_LABEL, CONTAINER_SECURITY, LABELS, POD_SECURITY, VERSION
from workflows.config_maps import config_map, config_map_name

NAME = f"oriane-{SERVE}"
_PORT = 8080
_GROUPS = ("storage", "work", "limits", "embed", "index", "ledger", "serve")
# Of its own, as those that the phases share may write.
_SECRETS = ("oriane-s3-serve", "oriane-qdrant-serve", "oriane-postgres-serve")
_SELECTOR = {
    "app.kubernetes.io/name": LABELS["app.kubernetes.io/name"],
    COMPONENT_LABEL: SERVE,
}
_LABELS = {**LABELS, **_SELECTOR}
# A namespace with this label may ask: the ingress's, and that of what collects metrics.
_MAY_ASK = {"oriane/serve": "allowed"}
_DATA = "/data"
_VARIABLES = {
    "VP_DATA_DIR": _DATA,
    # Pictures that people send are decoded here, one at a time.
    "VP_MAX_WORKERS": "1",
    "VP_DECODE_MEMORY_MB": "1024",
}
# A proxy stands before it, so that all that comes is of one address.
_DIFFERENT = {"VP_SERVE_RATE": "0"}
_DATA_MI, _TMP_MI, _LOGS_MI = 1024, 256, 100


def serve_objects() -> list[dict[str, Any]]:
    """Return everything that `oriane serve` is on a cluster, but its Secrets and its ingress."""
    return [
        _account(),
        _settings(),
        _deployment(),
        _service(),
        _autoscaler(),
        _disruption_budget(),
        _who_may_ask(),
    ]


def _object(kind: str, version: str, name: str = NAME, **rest: Any) -> dict[str, Any]:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "labels": _LABELS},
        **rest,
    }


def _account() -> dict[str, Any]:
    return _object("ServiceAccount", "v1", automountServiceAccountToken=False)


def _settings() -> dict[str, Any]:
    settings = config_map(SERVE)
    settings["metadata"]["labels"] = _LABELS
    settings["data"] |= _DIFFERENT
    return settings


def _deployment() -> dict[str, Any]:
    pod = {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        # 5 s until nobody sends requests any more, and 20 for those under way.
        "terminationGracePeriodSeconds": 40,
        "securityContext": _plain(POD_SECURITY),
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": _SELECTOR},
            }
        ],
        "containers": [_container()],
        "volumes": [
            {"name": "data", "emptyDir": {"sizeLimit": f"{_DATA_MI}Mi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": f"{_TMP_MI}Mi"}},
        ],
    }
    return _object(
        "Deployment",
        "apps/v1",
        # No `replicas`: how many is the HorizontalPodAutoscaler's to say.
        spec={
            "selector": {"matchLabels": _SELECTOR},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": _LABELS}, "spec": pod},
        },
    )


def _container() -> dict[str, Any]:
    token = {"secretKeyRef": {"name": NAME, "key": "ORIANE_TOKEN"}}
    return {
        "name": SERVE,
        "image": f"{NAME}:{VERSION}",
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "workflows.cli"],
        "args": ["serve", "--host", "0.0.0.0", "--port", str(_PORT)],  # noqa: S104
        "ports": [{"name": "http", "containerPort": _PORT}],
        "env": [
            {"name": "ORIANE_TOKEN", "valueFrom": token},
            *({"name": name, "value": value} for name, value in _VARIABLES.items()),
        ],
        "envFrom": [
            *({"configMapRef": {"name": config_map_name(group)}} for group in _GROUPS),
            *({"secretRef": {"name": name, "optional": True}} for name in _SECRETS),
        ],
        "startupProbe": _probe("live", periodSeconds=2, failureThreshold=60),
        "livenessProbe": _probe("live", periodSeconds=10, timeoutSeconds=5, failureThreshold=6),
        "readinessProbe": _probe("ready", periodSeconds=10, timeoutSeconds=10),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
        "resources": {
            "requests": {
                "cpu": "500m",
                "memory": "1536Mi",
                "ephemeral-storage": f"{_DATA_MI + _TMP_MI + _LOGS_MI}Mi",
            },
            "limits": {"memory": "2560Mi"},
        },
        "securityContext": _plain(CONTAINER_SECURITY),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "data", "mountPath": _DATA},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }


def _probe(asks: str, **timing: int) -> dict[str, Any]:
    return {"httpGet": {"path": f"/api/health/{asks}", "port": "http"}, **timing}


def _service() -> dict[str, Any]:
    port = {"name": "http", "port": 80, "targetPort": "http"}
    return _object("Service", "v1", spec={"selector": _SELECTOR, "ports": [port]})


def _autoscaler() -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": 80}
    return _object(
        "HorizontalPodAutoscaler",
        "autoscaling/v2",
        spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
            "minReplicas": 2,
            "maxReplicas": 6,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    )


def _disruption_budget() -> dict[str, Any]:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": _SELECTOR}}
    return _object("PodDisruptionBudget", "policy/v1", spec=spec)


def _who_may_ask() -> dict[str, Any]:
    return _object(
        "NetworkPolicy",
        "networking.k8s.io/v1",
        spec={
            "podSelector": {"matchLabels": _SELECTOR},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [{"namespaceSelector": {"matchLabels": _MAY_ASK}}],
                    "ports": [{"protocol": "TCP", "port": _PORT}],
                }
            ],
        },
    )


def _plain(model: Any) -> dict[str, Any]:
    found: dict[str, Any] = model.dict(exclude_none=True, by_alias=True)
    return found
