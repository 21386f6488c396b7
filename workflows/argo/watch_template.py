"""The WorkflowTemplate whose pod asks the standing questions, as `oriane watch ask` does.

It reads the index and the ledger with credentials of its own, and writes notices into the artifacts
bucket; published frames and sources it does not see.
"""

from __future__ import annotations

from hera.workflows import Container, WorkflowTemplate
from hera.workflows import models as m

from workflows.argo.access import SERVE, WATCH
from workflows.argo.component_template import RETRIES
from workflows.argo.pods import pod, read_from
from workflows.argo.terms import LABELS, described

_GROUPS = ("storage", "work", "limits", "embed", "index", "ledger", "watch")
# Those of Qdrant and Postgres that the phases share may write; the last holds what webhooks are
# signed with, which no other pod sees.
_SECRETS = (
    "oriane-s3",
    f"oriane-s3-{WATCH}",
    f"oriane-qdrant-{WATCH}",
    f"oriane-postgres-{WATCH}",
    "oriane-webhook",
)
# Loading a model and asking takes minutes, webhooks two.
_DEADLINE_S = 1800


def watch_template() -> WorkflowTemplate:
    """Return the WorkflowTemplate with its one template.

    It names no run: asked are all that ended within two days and were not, so that a night whose
    questions failed is made up for by the next.
    """
    container = Container(
        name=WATCH,
        command=["python", "-m", "workflows.cli"],
        args=["watch", "ask"],
        env=[m.EnvVar(name="VP_MAX_WORKERS", value="1")],
        retry_strategy=RETRIES,
        active_deadline_seconds=_DEADLINE_S,
        # The image of `serve` has the command line and the model's side for texts.
        **pod(
            WATCH,
            f"oriane-{SERVE}",
            scratch_mib=512,
            env_from=read_from(_GROUPS, _SECRETS),
            resources=m.ResourceRequirements(
                requests={"cpu": "500m", "memory": "1536Mi", "ephemeral-storage": "612Mi"},
                limits={"memory": "2560Mi"},
            ),
        ),
    )
    return WorkflowTemplate(
        name=WATCH,
        labels=LABELS,
        annotations=described("Ask the standing questions of the runs that ended lately"),
        templates=[container],
    )
