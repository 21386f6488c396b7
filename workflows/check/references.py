"""Checks every `{{…}}` and every expression against the names known where it stands."""

from __future__ import annotations

from collections.abc import Iterator

from workflows.check.calls import Catalogue, Template, starts, templates
from workflows.check.graph import LOOPS
from workflows.check.manifests import Body, Document, Node, Place, Problem, by_name, mapping, walk
from workflows.check.names import Names, unresolved
from workflows.check.scope import CRON, OF_ANY_TEMPLATE, Scopes, http, item, metrics
from workflows.check.tags import Reference, expression_references, is_open, references

# Checked with names of their own.
_CHILDREN = ("dag", "steps", "outputs", "metrics", "http")


def unresolved_references(document: Document, scopes: Scopes) -> Iterator[Problem]:
    """Find references that resolve to nothing."""
    yield from _outside_templates(document, scopes)
    for template in templates(document):
        # Inline templates are met again in their task, whose names they can use.
        if not template.place.field.endswith(".inline"):
            yield from _template(template, scopes.template(template), scopes)


def _outside_templates(document: Document, scopes: Scopes) -> Iterator[Problem]:
    place, spec = document.place, document.spec
    names = scopes.workflow(document, ending=False)
    at_end = scopes.workflow(document, ending=True)
    own = {
        "hooks": at_end,
        "onExit": at_end,
        "metrics": at_end,
        "templateDefaults": at_end | OF_ANY_TEMPLATE,
        "podSpecPatch": names | OF_ANY_TEMPLATE,
        "volumes": names | OF_ANY_TEMPLATE,
    }
    yield from _texts(place, spec, names, skip=("templates", *own))
    for key, known in own.items():
        yield from _texts(place, _only(spec, key), known)
    if document.kind == "CronWorkflow":
        outer = mapping(document.body.get("spec"))
        yield from _texts(Place(document, "spec"), outer, CRON, skip=("workflowSpec",))


def _template(template: Template, names: Names, scopes: Scopes) -> Iterator[Problem]:
    place, body = template.place, template.body
    yield from _texts(place, body, names, skip=_CHILDREN)
    yield from _texts(place, _only(body, "metrics"), names | metrics(template))
    yield from _texts(place, _only(body, "http"), names | http())
    yield from _texts(place, _only(body, "outputs"), names | scopes.all_children(template))
    dag = mapping(body.get("dag"))
    yield from _texts(place.at("dag"), dag, names, skip=("tasks",))
    for at, child, known, known_to_hooks in scopes.children(template):
        with_item = names | known | item(child)
        yield from _texts(at, child, with_item, skip=(*LOOPS, "hooks", "inline"))
        yield from _texts(at, _only(child, *LOOPS), names | known)
        yield from _texts(at, _only(child, "hooks"), names | known_to_hooks | item(child))
        if isinstance(child.get("inline"), dict):
            inline = Template(at.at("inline"), child["inline"])
            yield from _template(inline, with_item | scopes.template(inline), scopes)


def _only(body: Body, *keys: str) -> Body:
    return {key: body[key] for key in keys if key in body}


def _texts(place: Place, body: Body, names: Names, skip: tuple[str, ...] = ()) -> Iterator[Problem]:
    for key, value in body.items():
        if key not in skip:
            for node in walk(place.at(str(key)), value, (str(key),)):
                yield from _text(node, names)


def _text(node: Node, names: Names) -> Iterator[Problem]:
    if not isinstance(node.value, str):
        return
    if is_open(node.value):
        yield node.place.problem("'{{' without '}}'; Argo would take what follows for a name")
    for reference in _references(node):
        message = unresolved(reference, names)
        if message is not None:
            yield node.place.problem(message)


def _references(node: Node) -> Iterator[Reference]:
    bare = node.keys[-1] in ("expression", "fromExpression")
    # A resource template's successCondition is a selector, not an expression.
    if bare or node.keys == ("http", "successCondition"):
        return expression_references(node.value)
    return references(node.value)


def lost_parameters(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Find workflow parameters that templates of other documents miss when this document runs.

    A templateRef does not bring the arguments of its workflow template along.
    """
    given = by_name(catalogue.run_arguments(document).get("parameters"))
    homes = {document, catalogue.base(document)}
    for template in catalogue.reached(starts(document, catalogue)):
        home = template.document
        declared = by_name(mapping(home.spec.get("arguments")).get("parameters"))
        if home in homes:
            continue
        for node in walk(template.place, template.body):
            for reference in references(node.value) if isinstance(node.value, str) else ():
                name = _workflow_parameter(reference)
                if name in declared and name not in given:
                    yield node.place.problem(
                        f"{reference.shown}: {document.kind}/{document.name} runs this template "
                        f"and has no argument {name!r}; templateRef does not bring it along, "
                        "make it an input parameter"
                    )


def _workflow_parameter(reference: Reference) -> str:
    of_workflow = reference.parts[:2] == ("workflow", "parameters")
    return reference.parts[2] if of_workflow and len(reference.parts) > 2 else ""
