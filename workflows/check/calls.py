"""Who calls which template: tasks, steps, hooks, and the fields that start a workflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from workflows.check.manifests import Body, Document, Place, Problem, by_name, mapping, named
from workflows.check.names import alternatives
from workflows.check.tags import has_tag


@dataclass(frozen=True)
class Template:
    """A template of a document, or one that stands inline in a task."""

    place: Place
    body: Body = field(compare=False)

    @property
    def name(self) -> str:
        return str(self.body.get("name", "inline"))

    @property
    def document(self) -> Document:
        return self.place.document

    def has(self, *kinds: str) -> bool:
        """Tell whether it is of one of these kinds: container, dag, …"""
        return any(kind in self.body for kind in kinds)

    @property
    def retried(self) -> bool:
        """Whether it has a retryStrategy, by itself or from templateDefaults."""
        defaults = mapping(self.document.spec.get("templateDefaults"))
        return "retryStrategy" in self.body or "retryStrategy" in defaults


@dataclass(frozen=True, eq=False)
class Call:
    """A task, step or hook, or a field of a spec that names a template.

    `inherited`: its arguments belong to the task or workflow it stands in, which may have more than
    the template takes.
    """

    place: Place
    body: Body
    caller: Document
    arguments: Body
    arguments_place: Place
    inherited: bool = False


def templates(document: Document) -> Iterator[Template]:
    """Yield the templates of a document, and those inline in them."""
    for place, body in named(document.place.at("templates"), document.spec.get("templates")):
        yield from _with_inline(Template(place, body))


def _with_inline(template: Template) -> Iterator[Template]:
    yield template
    for place, body in children(template):
        if isinstance(body.get("inline"), dict):
            yield from _with_inline(Template(place.at("inline"), body["inline"]))


def tasks(template: Template) -> list[tuple[Place, Body]]:
    """Return the tasks of a DAG."""
    dag = mapping(template.body.get("dag"))
    return list(named(template.place.at("dag", "tasks"), dag.get("tasks")))


def step_groups(template: Template) -> list[list[tuple[Place, Body]]]:
    """Return the steps of a template, in the groups that run one after the other."""
    groups = template.body.get("steps")
    place = template.place.at("steps")
    return [
        list(named(place.item(index), group))
        for index, group in enumerate(groups if isinstance(groups, list) else [])
    ]


def children(template: Template) -> list[tuple[Place, Body]]:
    """Return the tasks and steps of a template."""
    return tasks(template) + [step for group in step_groups(template) for step in group]


def calls_in(template: Template) -> Iterator[Call]:
    """Yield what a DAG or a steps template calls, hooks included."""
    for place, body in children(template):
        arguments = mapping(body.get("arguments"))
        at = place.at("arguments")
        yield Call(place, body, template.document, arguments, at)
        yield from _hooks(place, body, template.document, arguments)


def starts(document: Document, catalogue: Catalogue) -> Iterator[Call]:
    """Yield what a document starts: its entrypoint, and what `endings` yields."""
    entrypoint = document.spec.get("entrypoint")
    base = catalogue.base(document)
    if entrypoint is None and base is not None and base is not document:
        entrypoint = base.spec.get("entrypoint")
    if base is not None and isinstance(entrypoint, str):
        place = document.place
        body = {"template": entrypoint}
        arguments = catalogue.run_arguments(document)
        yield Call(place.at("entrypoint"), body, base, arguments, place.at("arguments"), True)
    yield from endings(document, catalogue)


def endings(document: Document, catalogue: Catalogue) -> Iterator[Call]:
    """Yield what a document calls at its end or at changes of its status."""
    base = catalogue.base(document)
    if base is not None:
        arguments = catalogue.run_arguments(document)
        yield from _hooks(document.place, document.spec, base, arguments)


def _hooks(place: Place, body: Body, caller: Document, arguments: Body) -> Iterator[Call]:
    at = place.at("arguments")
    if isinstance(body.get("onExit"), str):
        exit_body = {"template": body["onExit"]}
        yield Call(place.at("onExit"), exit_body, caller, arguments, at, True)
    for name, hook in mapping(body.get("hooks")).items():
        hook_place = place.at("hooks", str(name))
        own = mapping(mapping(hook).get("arguments"))
        if own:
            yield Call(hook_place, mapping(hook), caller, own, hook_place.at("arguments"))
        else:
            yield Call(hook_place, mapping(hook), caller, arguments, at, True)


class Catalogue:
    """All documents given, to look references up in."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents = tuple(documents)
        self._by_document: dict[Document, dict[str, Template]] = {}

    @cached_property
    def _named(self) -> dict[tuple[str, str], Document]:
        return {(document.kind, document.name): document for document in reversed(self.documents)}

    def names(self, kind: str) -> list[str]:
        """Return the names of all documents of a kind."""
        return [name for has, name in self._named if has == kind]

    def find(self, kind: str, name: object) -> Document | None:
        """Return the document of a kind and name."""
        return self._named.get((kind, str(name)))

    def referred(self, reference: Body) -> Document | None:
        """Return what a templateRef or a workflowTemplateRef names."""
        return self.find(scope_of(reference), reference.get("name"))

    def base(self, document: Document) -> Document | None:
        """Return the document whose templates a document runs: mostly its own."""
        reference = document.spec.get("workflowTemplateRef")
        return document if reference is None else self.referred(mapping(reference))

    def run_arguments(self, document: Document) -> Body:
        """Return the arguments of a document, with those of its workflowTemplateRef."""
        base = self.base(document)
        sources = [document] if base is None or base is document else [base, document]
        merged: dict[str, dict[str, Body]] = {"parameters": {}, "artifacts": {}}
        for source in sources:
            arguments = mapping(source.spec.get("arguments"))
            for kind, known in merged.items():
                known.update(by_name(arguments.get(kind)))
        return {kind: list(known.values()) for kind, known in merged.items()}

    def target(self, call: Call) -> Template | None:
        """Return the template that is called; None if it does not exist or a tag decides it."""
        if isinstance(call.body.get("inline"), dict):
            return Template(call.place.at("inline"), call.body["inline"])
        reference = call.body.get("templateRef")
        if reference is None:
            return self.template(call.caller, call.body.get("template"))
        document = self.referred(mapping(reference))
        if document is None:
            return None
        return self.template(document, mapping(reference).get("template"))

    def template(self, document: Document, name: object) -> Template | None:
        """Return a template of a document by its name."""
        return self._templates(document).get(str(name))

    def _templates(self, document: Document) -> dict[str, Template]:
        if document not in self._by_document:
            found = self._by_document[document] = {}
            for at, body in named(document.place.at("templates"), document.spec.get("templates")):
                found.setdefault(str(body.get("name")), Template(at, body))
        return self._by_document[document]

    def reached(self, calls: Iterable[Call]) -> set[Template]:
        """Return the templates that run, directly or not, when these calls are made."""
        found: set[Template] = set()
        ahead = list(calls)
        while ahead:
            target = self.target(ahead.pop())
            if target is not None and target not in found:
                found.add(target)
                ahead += calls_in(target)
        return found


def scope_of(reference: Body) -> str:
    """Return the kind that a templateRef or a workflowTemplateRef looks in."""
    return "ClusterWorkflowTemplate" if reference.get("clusterScope") else "WorkflowTemplate"


def unknown_targets(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Find references to workflow templates and templates that do not exist."""
    run = document.spec.get("workflowTemplateRef")
    if run is not None:
        yield from _unknown_document(
            document.place.at("workflowTemplateRef"), mapping(run), catalogue
        )
    for call in (*starts(document, catalogue), *_all_calls(document)):
        # An entrypoint that comes with workflowTemplateRef is looked at where it is written.
        if "entrypoint" in document.spec or not call.place.field.endswith("entrypoint"):
            yield from _unknown_target(call, catalogue)


def _all_calls(document: Document) -> Iterator[Call]:
    for template in templates(document):
        yield from calls_in(template)


def _unknown_target(call: Call, catalogue: Catalogue) -> Iterator[Problem]:
    reference = call.body.get("templateRef")
    ways = [way for way in ("template", "templateRef", "inline") if way in call.body]
    if len(ways) != 1:
        found = " and ".join(ways) or "none"
        yield call.place.problem(f"expected one of template, templateRef, inline; found {found}")
    elif reference is not None:
        place = call.place.at("templateRef")
        yield from _unknown_document(place, mapping(reference), catalogue)
        document = catalogue.referred(mapping(reference))
        if document is not None:
            name = mapping(reference).get("template")
            yield from _unknown_template(place.at("template"), document, name)
    elif "template" in call.body:
        # entrypoint and onExit are the field themselves.
        field_is_name = call.place.field.endswith(("entrypoint", "onExit"))
        place = call.place if field_is_name else call.place.at("template")
        yield from _unknown_template(place, call.caller, call.body["template"])


def _unknown_document(place: Place, reference: Body, catalogue: Catalogue) -> Iterator[Problem]:
    name = reference.get("name")
    kind = scope_of(reference)
    if not has_tag(name) and catalogue.find(kind, name) is None:
        known = catalogue.names(kind)
        yield place.at("name").problem(
            f"no {kind} {name!r} among the files given{alternatives(str(name), known)}"
        )


def _unknown_template(place: Place, document: Document, name: object) -> Iterator[Problem]:
    known = by_name(document.spec.get("templates"))
    if not has_tag(name) and str(name) not in known:
        owner = f"{document.kind}/{document.name}"
        yield place.problem(f"{owner} has no template {name!r}{alternatives(str(name), known)}")
