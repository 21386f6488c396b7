"""Checks that callers give what templates require, and that parameters are declared soundly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import yaml

from workflows.check.calls import (
    Call,
    Catalogue,
    Template,
    calls_in,
    children,
    starts,
    templates,
    unknown_targets,
)
from workflows.check.manifests import (
    Body,
    Document,
    Place,
    Problem,
    by_name,
    listed,
    mapping,
    named,
    walk,
)
from workflows.check.names import alternatives
from workflows.check.tags import PLACEHOLDER, has_tag, without_tags

_HOLDERS = ("arguments", "inputs", "outputs")
_KINDS = ("parameters", "artifacts")
_LOCATIONS = (
    "artifactory", "azure", "from", "fromExpression", "gcs", "git", "hdfs", "http", "oss", "plugin",
    "raw", "s3",
)  # fmt: skip


def wrong_arguments(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Find arguments that are missing, unknown, or without a value."""
    yield from _run(document, catalogue, valued=document.kind == "CronWorkflow")
    for call in starts(document, catalogue):
        yield from _call(call, catalogue)
    for template in templates(document):
        for call in calls_in(template):
            yield from _call(call, catalogue)
        yield from _resource(template, catalogue)


def _call(call: Call, catalogue: Catalogue) -> Iterator[Problem]:
    target = catalogue.target(call)
    if not call.inherited:
        yield from _without_value(call.arguments_place, call.arguments)
    if target is None:
        return
    inputs = mapping(target.body.get("inputs"))
    for kind in _KINDS:
        taken, given = by_name(inputs.get(kind)), by_name(call.arguments.get(kind))
        place = call.arguments_place.at(kind)
        what = kind.removesuffix("s")
        for name in taken.keys() - given.keys():
            if _required(kind, taken[name]):
                yield place.named(name).problem(
                    f"template {target.name!r} requires {what} {name!r}, which has no default; "
                    f"given: {', '.join(sorted(given)) or 'none'}"
                )
        for name in () if call.inherited else given.keys() - taken.keys():
            yield place.named(name).problem(
                f"template {target.name!r} has no input {what} {name!r}{alternatives(name, taken)}"
            )
        for name in given.keys() & taken.keys():
            yield from _outside_enum(place.named(name), given[name], taken[name])


def _required(kind: str, declared: Body) -> bool:
    if kind == "parameters":
        return not _has_value(declared) and declared.get("default") is None
    return not declared.get("optional") and not any(way in declared for way in _LOCATIONS)


def _has_value(parameter: Body) -> bool:
    return parameter.get("value") is not None or parameter.get("valueFrom") is not None


def _without_value(place: Place, arguments: Body) -> Iterator[Problem]:
    for at, parameter in named(place.at("parameters"), arguments.get("parameters")):
        if not _has_value(parameter):
            yield at.problem("expected value or valueFrom, found neither")


def _run(document: Document, catalogue: Catalogue, *, valued: bool) -> Iterator[Problem]:
    """Check the arguments of a document that runs, maybe by workflowTemplateRef.

    `valued`: nobody can give values later.
    """
    spec, place = document.spec, document.place
    arguments = mapping(spec.get("arguments"))
    if valued:
        yield from _without_value(place.at("arguments"), arguments)
    base = catalogue.base(document)
    if base is None or base is document:
        return
    declared = by_name(mapping(base.spec.get("arguments")).get("parameters"))
    given = by_name(arguments.get("parameters"))
    entry = catalogue.template(base, spec.get("entrypoint"))
    inputs = mapping(entry.body.get("inputs")) if entry else {}
    owner = f"{base.kind}/{base.name}"
    at = place.at("arguments", "parameters")
    known = {**by_name(inputs.get("parameters")), **declared}
    for name in given.keys() - known.keys():
        yield at.named(name).problem(f"{owner} has no argument {name!r}{alternatives(name, known)}")
    for name in declared.keys() - given.keys():
        if not _has_value(declared[name]):
            yield at.named(name).problem(
                f"{owner} requires argument {name!r}, which has no value; "
                f"given: {', '.join(sorted(given)) or 'none'}"
            )
    for name in given.keys() & declared.keys():
        yield from _outside_enum(at.named(name), given[name], declared[name])


def _resource(template: Template, catalogue: Catalogue) -> Iterator[Problem]:
    manifest = mapping(template.body.get("resource")).get("manifest")
    # A manifest that is one tag comes whole from elsewhere.
    if not isinstance(manifest, str) or without_tags(manifest).strip() == PLACEHOLDER:
        return
    place = template.place.at("resource", "manifest")
    try:
        bodies = list(yaml.safe_load_all(without_tags(manifest)))
    except yaml.YAMLError as error:
        yield place.problem(f"is not YAML: {' '.join(str(error).split())}")
        return
    for body in bodies:
        if mapping(body).get("kind") == "Workflow":
            yield from _launched(place, Document(template.document.file, body), catalogue)


def _launched(place: Place, workflow: Document, catalogue: Catalogue) -> Iterator[Problem]:
    found = [*_run(workflow, catalogue, valued=True)]
    if "workflowTemplateRef" in workflow.spec:
        found += unknown_targets(workflow, catalogue)
        found += [
            problem for call in starts(workflow, catalogue) for problem in _call(call, catalogue)
        ]
    for problem in found:
        yield place.at(problem.field).problem(problem.message)


def unsound_parameters(document: Document) -> Iterator[Problem]:
    """Find names that occur twice, values outside their enum, and the text 'null' as a value."""
    place, spec = document.place, document.spec
    yield from _twice(place.at("templates"), spec.get("templates"))
    for template in templates(document):
        at = (
            template.place.at("dag", "tasks") if template.has("dag") else template.place.at("steps")
        )
        yield from _twice(at, [body for _, body in children(template)])
    for node in walk(place, spec):
        if isinstance(node.value, dict) and node.keys and node.keys[-1] in _HOLDERS:
            for kind in _KINDS:
                yield from _twice(node.place.at(kind), node.value.get(kind))
            for at, parameter in named(node.place.at("parameters"), node.value.get("parameters")):
                yield from _outside_enum(at, parameter, parameter)
                yield from _null(at, parameter)


def _twice(place: Place, value: object) -> Iterator[Problem]:
    names = Counter(str(each["name"]) for each in listed(value) if "name" in each)
    for name, count in names.items():
        if count > 1:
            yield place.named(name).problem(
                f"the name {name!r} occurs {count} times, expected once"
            )


def _outside_enum(place: Place, given: Body, declared: Body) -> Iterator[Problem]:
    allowed = declared.get("enum")
    if not isinstance(allowed, list):
        return
    known = [_text(each) for each in allowed]
    for key in ("value", "default"):
        value = given.get(key)
        if value is not None and not has_tag(value) and _text(value) not in known:
            yield place.at(key).problem(
                f"{_text(value)!r} is not in the enum{alternatives(_text(value), known)}"
            )


def _null(place: Place, parameter: Body) -> Iterator[Problem]:
    for key in ("value", "default"):
        if parameter.get(key) == "null":
            yield place.at(key).problem(
                "the text 'null' would be passed, not an absent value; leave it out or use ''"
            )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
