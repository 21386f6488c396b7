"""The WorkflowTemplate whose pod renews a run's leases for as long as the run goes on.

A run may wait for hours without any other pod, so no phase could do it. As a daemon, the pod ends
with the DAG around it, or with the workflow however that ends; then the leases expire.
"""

from __future__ import annotations

from hera.workflows import Container, Parameter, WorkflowTemplate
from hera.workflows import models as m

from components.pipeline import component
from workflows.argo.access import LEASES
from workflows.argo.pods import pod, read_from
from workflows.argo.terms import LABELS, described, from_input

# Nodes go one after another when a cluster is upgraded, and each may take the pod along.
_RESTARTS = "50"
# Argo shows a daemon that has ended as failed, unless the workflow has ended before it. So it stays
# while the digest runs, for less than the 30 s that Kubernetes grants.
_LINGER_S = "25"


def lease_template() -> WorkflowTemplate:
    """Return the WorkflowTemplate with its one template, a daemon that takes the run's name."""
    container = Container(
        name=LEASES,
        daemon=True,
        command=["python", "-m", "components.running.leases"],
        args=[from_input("run"), "--linger", _LINGER_S],
        inputs=[Parameter(name="run", description="Name of the run")],
        retry_strategy=m.RetryStrategy(
            limit=_RESTARTS,
            retry_policy="Always",
            backoff=m.Backoff(duration="5s", factor="2", cap="60s"),
            expression="asInt(lastRetry.exitCode) != 78",
        ),
        # What leases also renews: the image has all that is needed.
        **pod(
            LEASES,
            component("plan").image,
            scratch_mib=16,
            env_from=read_from(["storage", "work", "ledger"], ["oriane-postgres"]),
            resources=m.ResourceRequirements(
                requests={"cpu": "10m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
                limits={"memory": "256Mi"},
            ),
        ),
    )
    return WorkflowTemplate(
        name=LEASES,
        labels=LABELS,
        annotations=described("Renew the leases of a run while it goes on"),
        templates=[container],
    )
