"""What each phase may reach: buckets, stores, and under which account.

One ServiceAccount a phase, a policy for the cloud's role behind it, and whom it may call over the
network. Code that breaks out of a decoder finds itself with the rights of fetch, crop or frame: it
can read sources and write artifacts, but no published frame, no index and no ledger.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from components.contract import Component
from components.pipeline import component, components
from components.settings import StorageSettings
from workflows.argo.terms import COMPONENT_LABEL, LABELS

# By letter: read (with the listing that tells a missing object from a forbidden one), list, write,
# delete.
_ACTIONS = {
    "r": ("s3:GetObject", "s3:ListBucket"),
    "l": ("s3:ListBucket",),
    "w": ("s3:PutObject", "s3:AbortMultipartUpload"),
    "d": ("s3:DeleteObject",),
}
_OF_BUCKETS = {"s3:ListBucket"}


@dataclass(frozen=True)
class Buckets:
    """What a phase does in each bucket, in letters: read, list, write, delete."""

    videos: str = ""
    frames: str = ""
    artifacts: str = "rwd"


# The phases that do more than to read what their contract says and to write artifacts.
# tests/test_access.py holds all of it against what they really ask for.
_OTHERS = {
    "plan": Buckets(videos="l", frames="r", artifacts="rw"),
    "upload": Buckets(frames="lwd"),
    "record": Buckets(frames="rwd"),
    "digest": Buckets(artifacts="rw"),
}
# `oriane serve`: no phase, and it changes nothing.
SERVE = "serve"
_SERVE = Buckets(videos="r", frames="r", artifacts="r")

# Asks the standing questions after a run, with what the index and the ledger tell a reader.
WATCH = "watch"
_WATCH = Buckets(artifacts="rw")
_NO_PHASES = {SERVE: _SERVE, WATCH: _WATCH}

# Renews the leases of a run in the ledger; no phase, but a pod of its own.
LEASES = "leases"

_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
_METADATA = "169.254.169.254/32"


def account_of(name: str) -> str:
    """Return the ServiceAccount of the pods of a component, of `leases` or of `watch`."""
    return f"oriane-{name}"


def buckets_of(declared: Component[Any, Any]) -> Buckets:
    """Return what the component does in each bucket."""
    return _OTHERS.get(declared.name) or Buckets(videos="r" if declared.decodes else "")


def actions_of(name: str) -> dict[str, set[str]]:
    """Return the actions of S3 that a phase, `serve` or `watch` needs, by the bucket's setting."""
    buckets = _NO_PHASES.get(name) or buckets_of(component(name))
    wanted = {
        "videos_bucket": buckets.videos,
        "frames_bucket": buckets.frames,
        "artifacts_bucket": buckets.artifacts,
    }
    return {
        name: {action for letter in letters for action in _ACTIONS[letter]}
        for name, letters in wanted.items()
        if letters
    }


def iam_policy(name: str) -> str:
    """Return the policy of AWS IAM for a phase, `serve` or `watch`, with default bucket names."""
    statements = []
    for setting, actions in actions_of(name).items():
        arn = f"arn:aws:s3:::{StorageSettings.model_fields[setting].default}"
        for wanted, resource in (
            (sorted(actions & _OF_BUCKETS), arn),
            (sorted(actions - _OF_BUCKETS), f"{arn}/*"),
        ):
            if wanted:
                statements.append({"Effect": "Allow", "Action": wanted, "Resource": resource})
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def accounts() -> list[dict[str, Any]]:
    """Return a ServiceAccount for each component, and for `leases` and `watch`."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": account_of(name),
                "labels": {**LABELS, COMPONENT_LABEL: name},
            },
            "automountServiceAccountToken": False,
        }
        for name in [*(each.name for each in components()), LEASES, WATCH]
    ]


def network_policies() -> list[dict[str, Any]]:
    """Return the policies that leave each phase's pods what it calls, and nobody to call them.

    S3's addresses are not known here, so HTTPS goes anywhere but to the cloud's metadata until an
    overlay names them; everything else goes to private addresses.
    """
    everywhere: list[dict[str, Any]] = [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": [_METADATA]}},
        {"ipBlock": {"cidr": "::/0"}},
    ]
    private: list[dict[str, Any]] = [{"ipBlock": {"cidr": cidr}} for cidr in _PRIVATE]
    readers = [SERVE, WATCH]
    of_s3 = [each.name for each in components()] + readers
    of_index = [each.name for each in components() if "index" in each.settings] + readers
    of_ledger = [each.name for each in components() if "ledger" in each.settings]
    of_ledger += [LEASES, *readers]
    return [
        _policy("oriane-nobody", None, None, ()),
        _policy("oriane-names", None, [{"namespaceSelector": {}}, *private, _link_local()], (53,)),
        _policy("oriane-kubernetes", None, private, (443, 6443)),
        _policy("oriane-s3", of_s3, everywhere, (443,)),
        _policy("oriane-s3-inside", of_s3, private, (9000,)),
        _policy("oriane-qdrant", of_index, private, (6333, 6334)),
        _policy("oriane-postgres", of_ledger, private, (5432,)),
    ]


def _link_local() -> dict[str, Any]:
    # Where NodeLocal DNSCache listens.
    return {"ipBlock": {"cidr": "169.254.20.10/32"}}


def _policy(
    name: str, phases: list[str] | None, to: list[dict[str, Any]] | None, ports: tuple[int, ...]
) -> dict[str, Any]:
    """Return a policy for the pods of the phases, or all; without `to`, one that allows nothing."""
    selector: dict[str, Any] = {
        "matchLabels": {"app.kubernetes.io/name": LABELS["app.kubernetes.io/name"]}
    }
    if phases is not None:
        selector["matchExpressions"] = [
            {"key": COMPONENT_LABEL, "operator": "In", "values": phases}
        ]
    spec: dict[str, Any] = {"podSelector": selector, "policyTypes": ["Egress"]}
    if to is None:
        spec["policyTypes"] = ["Ingress", "Egress"]
    else:
        protocols = ("UDP", "TCP") if 53 in ports else ("TCP",)
        allowed = [{"protocol": each, "port": port} for port in ports for each in protocols]
        spec["egress"] = [{"to": to, "ports": allowed}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }
