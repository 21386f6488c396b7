"""The Argo server, and where the runs that it knows stand."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from hera import exceptions
from hera.workflows import Parameter, Workflow, WorkflowsService
from hera.workflows import models as m

from components.errors import ConfigurationError, TransientError
from components.settings import ClusterSettings
from workflows.argo.terms import VERSION_LABEL

ENDED = frozenset({"Succeeded", "Failed", "Error"})
_POLL_S = 2.0
_TRIES = 5
_REASONS_SHOWN = 5
# What every pod says before it runs.
_STARTING = {"PodInitializing", "ContainerCreating"}


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    `steps` maps components to (ended, started) counts of their steps. `waiting` says why pods do
    not start: no node has room, or no image can be had. `batches` tells that it starts children.
    """

    name: str
    phase: str
    message: str = ""
    steps: dict[str, tuple[int, int]] = field(default_factory=dict)
    digest: dict[str, str] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    batches: bool = False

    def with_children(self, children: Collection[Progress]) -> Progress:
        """Return the same with what child workflows do counted, too."""
        ended, started = Counter[str](), Counter[str]()
        for one in [self, *children]:
            ended.update({name: counts[0] for name, counts in one.steps.items()})
            started.update({name: counts[1] for name, counts in one.steps.items()})
        steps = {name: (ended[name], started[name]) for name in started}
        waiting = dict.fromkeys(line for one in [self, *children] for line in one.waiting)
        return replace(self, steps=steps, waiting=tuple(waiting)[:_REASONS_SHOWN])


class ArgoServer:
    """The Argo server that the settings name.

    Every method raises ConfigurationError (token, namespace, templates) or TransientError (no
    answer), naming the server.
    """

    def __init__(self, settings: ClusterSettings) -> None:
        self._settings = settings
        token = settings.token
        self._service = WorkflowsService(
            host=settings.address,
            token=token.get_secret_value() if token else None,
            namespace=settings.namespace,
            verify_ssl=not settings.insecure_skip_verify,
        )

    def submit(self, template: str, parameters: dict[str, str], prefix: str = "videos") -> str:
        """Create a workflow from the WorkflowTemplate and return its name, which has the prefix."""
        workflow = Workflow(
            generate_name=f"{prefix}-",
            namespace=self._settings.namespace,
            workflow_template_ref=m.WorkflowTemplateRef(name=template),
            arguments=[Parameter(name=name, value=value) for name, value in parameters.items()],
            labels={"oriane/trigger": "submit"},
            workflows_service=self._service,
        )
        with self._explained(template):
            created = workflow.create()
        return str(created.metadata.name)

    def progress(self, name: str) -> Progress:
        """Return where the workflow stands."""
        with self._explained(name):
            answer = self._service.get_workflow(
                name, fields="status.phase,status.message,status.nodes"
            )
        status = answer.status
        nodes = list((status.nodes or {}).values()) if status else []
        return Progress(
            name=name,
            phase=str(status.phase) if status and status.phase else "Pending",
            message=str(status.message or "") if status else "",
            steps=_steps(nodes),
            digest=_digest(nodes),
            waiting=_waiting(nodes),
            batches=any(node.template_name == "batch" for node in nodes),
        )

    def children(self, run: str) -> list[Progress]:
        """Return where the child workflows of a run stand, without their steps."""
        with self._explained(run):
            answer = self._service.list_workflows(
                label_selector=f"oriane/run={run}",
                fields="items.metadata.name,items.status.phase",
            )
        return [
            Progress(
                name=str(child.metadata.name),
                phase=str(child.status.phase) if child.status and child.status.phase else "Pending",
            )
            for child in answer.items or []
        ]

    def version(self) -> str:
        """Return the version of Argo Workflows that the server is of, such as v4.1.2."""
        with self._explained("version"):
            return str(self._service.get_version().version)

    def installed(self, template: str) -> str:
        """Return the version of this project that a WorkflowTemplate was rendered by."""
        with self._explained(template):
            found = self._service.get_workflow_template(template)
        return str((found.metadata.labels or {}).get(VERSION_LABEL, "unknown"))

    def pods(self, name: str) -> dict[str, tuple[str, str]]:
        """Return phase and message of each pod of a workflow without retries, by task."""
        with self._explained(name):
            answer = self._service.get_workflow(name, fields="status.nodes")
        nodes = (answer.status.nodes or {}) if answer.status else {}
        return {
            str(node.display_name): (str(node.phase), str(node.message or ""))
            for node in nodes.values()
            if node.type == "Pod"
        }

    def suspend(self, name: str) -> None:
        """Let the workflow start nothing more; what runs goes on."""
        with self._explained(name):
            self._service.suspend_workflow(name, m.WorkflowSuspendRequest())

    def resume(self, name: str) -> None:
        """Undo `suspend`."""
        with self._explained(name):
            self._service.resume_workflow(name, m.WorkflowResumeRequest())

    def stop(self, name: str) -> None:
        """End the workflow's pods; its exit handler still runs."""
        with self._explained(name):
            self._service.stop_workflow(name, m.WorkflowStopRequest())

    def page(self, name: str) -> str:
        """Return the address of the workflow's page in Argo's UI."""
        return f"{self._settings.address}/workflows/{self._settings.namespace}/{name}"

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        where = f"the Argo server {self._settings.address}"
        try:
            yield
        except (exceptions.Unauthorized, exceptions.Forbidden) as error:
            raise ConfigurationError(
                f"{where} refused the token; set ARGO_TOKEN to one that may create workflows in "
                f"{self._settings.namespace!r} ({error})"
            ) from error
        except exceptions.NotFound as error:
            raise ConfigurationError(
                f"{where} has no {what!r} in namespace {self._settings.namespace!r}; kubectl apply "
                f"--server-side -k k8s/overlays/cpu (or gpu), or set ARGO_NAMESPACE ({error})"
            ) from error
        except exceptions.BadRequest as error:
            raise ConfigurationError(f"{where} refused {what!r}: {error}") from error
        except (OSError, exceptions.HeraException) as error:
            raise TransientError(
                f"{where} did not answer ({type(error).__name__}); check ARGO_SERVER, ARGO_SECURE "
                "and the network, then try again"
            ) from error


def followed(server: ArgoServer, name: str, timeout_s: float) -> Iterator[Progress]:
    """Yield where the run stands, every few seconds, the last time once it has ended.

    Raises:
        TransientError: it has not ended in time, or the server is gone for too long.
    """
    deadline = time.monotonic() + timeout_s
    failures = 0
    of_children: dict[str, Progress] = {}
    while True:
        try:
            progress = server.progress(name)
            if progress.batches:
                _update(of_children, server, name)
                progress = progress.with_children(of_children.values())
            failures = 0
        except TransientError:
            failures += 1
            if failures == _TRIES:
                raise
        else:
            yield progress
            if progress.phase in ENDED:
                return
        if time.monotonic() > deadline:
            raise TransientError(
                f"{name} has not ended after {timeout_s:g} s and goes on in the cluster; follow "
                "it in Argo's UI, or wait longer with --timeout"
            )
        time.sleep(_POLL_S)


def _update(children: dict[str, Progress], server: ArgoServer, run: str) -> None:
    """Look at the children of a run again, but for those that were seen to have ended."""
    for child in server.children(run):
        if child.name not in children or children[child.name].phase not in ENDED:
            children[child.name] = server.progress(child.name)


def _steps(nodes: Sequence[Any]) -> dict[str, tuple[int, int]]:
    """Count the steps of each component; a step that was tried again counts once."""
    started: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    for node in nodes:
        if node.type == "Retry" and node.template_ref:
            component = str(node.template_ref.template).removesuffix("-gpu")
            started[component] += 1
            ended[component] += node.phase in ENDED
    return {component: (ended[component], count) for component, count in started.items()}


def _waiting(nodes: Sequence[Any]) -> tuple[str, ...]:
    """Return why pods wait for a node or an image, most first, each reason once."""
    reasons = Counter(
        # By WorkflowTemplate, which a component's check shares with it.
        f"{node.template_ref.name if node.template_ref else node.template_name} waits: "
        f"{node.message}"
        for node in nodes
        if node.type == "Pod" and node.phase == "Pending" and node.message
        if node.message not in _STARTING
    )
    return tuple(reason for reason, _ in reasons.most_common(_REASONS_SHOWN))


def _digest(nodes: Sequence[Any]) -> dict[str, str]:
    """Return the outputs of the digest, once there are any; one that failed may have left none."""
    for node in nodes:
        if node.type == "Retry" and node.template_ref and node.template_ref.template == "digest":
            outputs = (node.outputs.parameters if node.outputs else None) or []
            return {each.name: str(each.value) for each in outputs if each.value is not None}
    return {}
