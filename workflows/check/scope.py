"""Which names a template, task or step can use; Argo's docs/variables.md is what this follows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from workflows.check.calls import (
    Call,
    Catalogue,
    Template,
    calls_in,
    endings,
    starts,
    step_groups,
    tasks,
    templates,
)
from workflows.check.graph import LOOPS, ancestors, looped
from workflows.check.manifests import Body, Document, Place, by_name, listed, mapping
from workflows.check.names import ANY, VALUE, Names, values
from workflows.check.tags import has_tag

Children = list[tuple[Place, Body]]

_PODS = ("container", "containerSet", "script", "resource", "data")
_LEAVES = (*_PODS, "http", "plugin")
_WITH_RESULT = ("container", "containerSet", "script", "data", "http", "plugin")
_NODE = ("id", "status", "startedAt", "finishedAt", "hostNodeName")
_METRIC = ("status", "duration", "exitCode", "retries")
_ONLY_AT_END = {
    "status": "workflow.status is always Running but in what onExit and hooks call",
    "failures": "workflow.failures is known only in what onExit and hooks call",
}
_ELSEWHERE = "{0} are known only in the {0} and outputs of a {1}"

CRON = Names(
    {
        "cronworkflow": Names(
            {
                **values("name", "namespace", "failed", "succeeded"),
                **dict.fromkeys(("labels", "annotations", "lastScheduledTime"), ANY),
            }
        )
    }
)
# What templateDefaults and podSpecPatch of a workflow may use depends on the template they meet.
OF_ANY_TEMPLATE = Names(
    dict.fromkeys(
        ("inputs", "outputs", "node", "pod", "retries", "lastRetry", "tasks", "steps", *_METRIC),
        ANY,
    )
)


class Scopes:
    """The names known at each place of the documents of a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._workflows: dict[tuple[Document, bool], Names] = {}

    @cached_property
    def _at_end(self) -> set[Template]:
        documents = self._catalogue.documents
        return self._catalogue.reached(
            call for each in documents for call in endings(each, self._catalogue)
        )

    @cached_property
    def _before_end(self) -> set[Template]:
        documents = self._catalogue.documents
        begun = (call for each in documents for call in starts(each, self._catalogue))
        return self._catalogue.reached(
            call for call in begun if call.place.field.endswith("entrypoint")
        )

    def workflow(self, document: Document, *, ending: bool) -> Names:
        """Return the names of the workflow that a document is, or becomes."""
        key = (document, ending)
        if key not in self._workflows:
            self._workflows[key] = self._workflow(document, ending=ending)
        return self._workflows[key]

    def _workflow(self, document: Document, *, ending: bool) -> Names:
        parameters = by_name(self._catalogue.run_arguments(document).get("parameters"))
        known = {
            **values("name", "namespace", "uid", "serviceAccountName", "mainEntrypoint"),
            **values("duration", "scheduledTime"),
            **dict.fromkeys(("creationTimestamp", "labels", "annotations"), ANY),
            "parameters": Names(values("json", *parameters), value=True),
            "outputs": self._global_outputs(document),
        }
        if "priority" in document.spec:
            known["priority"] = VALUE
        absent = {"priority": "workflow.priority is known only where spec.priority is set"}
        if ending:
            known |= values("status", "failures")
        else:
            absent |= _ONLY_AT_END
        return Names({"workflow": Names(known, absent=absent)})

    def _global_outputs(self, document: Document) -> Names:
        own = list(templates(document))
        called = self._catalogue.reached(call for template in own for call in calls_in(template))
        kinds = {
            kind: {
                str(output["globalName"])
                for template in (*own, *called)
                for output in listed(mapping(template.body.get("outputs")).get(kind))
                if "globalName" in output
            }
            for kind in ("parameters", "artifacts")
        }
        return Names(
            {
                kind: Names(values(*names), open=any(map(has_tag, names)))
                for kind, names in kinds.items()
            }
        )

    def template(self, template: Template) -> Names:
        """Return the names that all of a template can use."""
        # A template that nothing here calls may be meant for either.
        ending = template in self._at_end or template not in self._before_end
        return self.workflow(template.document, ending=ending) | _own(template)

    def children(self, template: Template) -> Iterator[tuple[Place, Body, Names, Names]]:
        """Yield the tasks or steps, with their names and those of their hooks beside."""
        before = ancestors(template)
        for place, task in tasks(template):
            name = str(task.get("name"))
            yield self._child(template, "tasks", (place, task), before[name])
        ended: set[str] = set()
        for group in step_groups(template):
            for step in group:
                yield self._child(template, "steps", step, ended)
            ended = ended | {str(step.get("name")) for _, step in group}

    def _child(
        self, template: Template, root: str, child: tuple[Place, Body], ended: set[str]
    ) -> tuple[Place, Body, Names, Names]:
        place, body = child
        own = str(body.get("name"))
        return (
            place,
            body,
            self._nodes(template, root, ended),
            self._nodes(template, root, ended | {own}),
        )

    def all_children(self, template: Template) -> Names:
        """Return the names that the outputs of a DAG or a steps template can use."""
        names = Names()
        for root, children in _children(template).items():
            every = {str(body.get("name")) for _, body in children}
            names |= self._nodes(template, root, every)
        return names

    def _nodes(self, template: Template, root: str, ended: set[str]) -> Names:
        below = {"name": VALUE}
        absent = {}
        for place, body in _children(template).get(root, []):
            name = str(body.get("name"))
            if name in ended:
                below[name] = self._node(place, body, template.document)
            elif root == "tasks":
                absent[name] = f"this task does not wait for {name!r}; add it to depends"
            else:
                absent[name] = f"step {name!r} does not end before this one begins"
        return Names({root: Names(below, absent=absent)})

    def _node(self, place: Place, body: Body, document: Document) -> Names:
        called = self._catalogue.target(Call(place, body, document, {}, place))
        return ANY if called is None else _ended(called, looped=looped(body))


def _children(template: Template) -> dict[str, Children]:
    groups = step_groups(template)
    kinds = {"tasks": tasks(template), "steps": [step for group in groups for step in group]}
    return {kind: children for kind, children in kinds.items() if children}


def _own(template: Template) -> Names:
    body = template.body
    below = {
        "inputs": _inputs(template),
        "node": Names(values("name")),
        # The name of the task or step that runs this template, whatever it is.
        "tasks": Names(values("name"), absent={"": _ELSEWHERE.format("tasks", "DAG")}),
        "steps": Names(values("name"), absent={"": _ELSEWHERE.format("steps", "steps template")}),
    }
    absent = {
        "item": f"item is known only in a task with one of {', '.join(LOOPS)}",
        "pod": f"pod.name is known only in templates of {', '.join(_PODS)}",
        "retries": "retries is known only in a template with retryStrategy",
        "lastRetry": "lastRetry is known only in a template with retryStrategy",
    }
    if template.has(*_PODS):
        below["pod"] = Names(values("name"))
    if template.has(*_LEAVES):
        below["outputs"] = _paths(body)
    if template.retried:
        below["retries"] = VALUE
        below["lastRetry"] = Names(values("exitCode", "status", "duration", "message"))
    return Names(below, absent=absent)


def _inputs(template: Template) -> Names:
    inputs = mapping(template.body.get("inputs"))
    parameters = by_name(inputs.get("parameters"))
    artifact = Names(values("path") if template.has(*_LEAVES) else {}, value=True)
    artifacts = dict.fromkeys(by_name(inputs.get("artifacts")), artifact)
    return Names(
        {
            "parameters": Names(values(*parameters), value=bool(parameters)),
            "artifacts": Names(artifacts),
        }
    )


def _paths(body: Body) -> Names:
    outputs = mapping(body.get("outputs"))
    path = Names(values("path"))
    return Names(
        {
            kind: Names(dict.fromkeys(by_name(outputs.get(kind)), path))
            for kind in ("parameters", "artifacts")
        }
    )


def _ended(template: Template, *, looped: bool) -> Names:
    """Return what a task or step that has ended shows of itself."""
    outputs = mapping(template.body.get("outputs"))
    own = {
        # Of a loop, the parameters are a list of all items' maps.
        "parameters": Names(values(*by_name(outputs.get("parameters"))), value=looped),
        "artifacts": Names(values(*by_name(outputs.get("artifacts")))),
    }
    below = values(*_NODE)
    if template.has(*_WITH_RESULT):
        own["result"] = below["exitCode"] = VALUE
    if template.body.get("daemon"):
        below["ip"] = VALUE
    why = {
        "result": f"template {template.name!r} has no result: only {', '.join(_WITH_RESULT)} have",
    }
    below["outputs"] = Names(own, absent=why)
    return Names(below, absent={"ip": f"template {template.name!r} is no daemon, it has no ip"})


def metrics(template: Template) -> Names:
    """Return the names that the metrics of a template can use beside its own."""
    outputs = mapping(template.body.get("outputs"))
    parameters = Names(values(*by_name(outputs.get("parameters"))))
    return Names(
        {
            **values(*_METRIC),
            "resourcesDuration": Names(values("cpu", "memory")),
            "outputs": Names({"result": VALUE, "parameters": parameters}),
        }
    )


def http() -> Names:
    """Return the names that the successCondition of an HTTP template can use beside its own."""
    return Names(
        {
            "request": Names({**values("method", "url", "body"), "headers": ANY}),
            "response": Names({**values("statusCode", "body"), "headers": ANY}),
        }
    )


def item(task: Body) -> Names:
    """Return the name `item` as a task or step that loops knows it."""
    if not looped(task):
        return Names()
    if "withSequence" in task:
        return Names({"item": VALUE})
    items = task.get("withItems")
    if not isinstance(items, list) or any(isinstance(each, list) for each in items):
        return Names({"item": ANY})
    keys = {str(key) for each in items for key in mapping(each)}
    return Names({"item": Names(values(*keys), value=True)})
