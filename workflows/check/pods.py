"""Checks what pods take from the cluster and from their template, and Argo's known traps."""

from __future__ import annotations

from collections.abc import Iterator

from workflows.check.calls import Catalogue, Template, starts, templates
from workflows.check.manifests import (
    Body,
    Document,
    Node,
    Place,
    Problem,
    by_name,
    listed,
    mapping,
    named,
    walk,
)
from workflows.check.names import alternatives
from workflows.check.tags import has_tag

_REMOVED = {
    "mutex": "use synchronization.mutexes: [...]",
    "semaphore": "use synchronization.semaphores: [...]",
}


def unknown_volumes(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Find mounts of volumes that a template does not have, in this document or run by it."""
    for template in templates(document):
        known = _volumes(document.spec) | set(by_name(template.body.get("volumes")))
        for place, name in _mounts(template):
            if name not in known:
                yield place.problem(
                    f"template {template.name!r} has no volume {name!r}{alternatives(name, known)}"
                )
    base = catalogue.base(document)
    volumes = _volumes(document.spec) | (_volumes(base.spec) if base else set())
    for template in catalogue.reached(starts(document, catalogue)):
        if template.document not in (document, base):
            lost = _volumes(template.document.spec) - volumes
            lost -= set(by_name(template.body.get("volumes")))
            for place, name in _mounts(template):
                if name in lost:
                    yield place.problem(
                        f"{document.kind}/{document.name} runs this template and has no volume "
                        f"{name!r}; templateRef does not bring it along, move it into the "
                        "template's volumes"
                    )


def _volumes(spec: Body) -> set[str]:
    claims = (mapping(claim.get("metadata")) for claim in listed(spec.get("volumeClaimTemplates")))
    return {*by_name(spec.get("volumes")), *(str(claim.get("name")) for claim in claims)}


def _mounts(template: Template) -> Iterator[tuple[Place, str]]:
    for place, container in _containers(template):
        for at, mount in named(place.at("volumeMounts"), container.get("volumeMounts")):
            if not has_tag(mount.get("name")):
                yield at, str(mount.get("name"))


def _containers(template: Template) -> Iterator[tuple[Place, Body]]:
    body, place = template.body, template.place
    for key in ("container", "script", "containerSet"):
        if isinstance(body.get(key), dict):
            yield place.at(key), body[key]
    inner = mapping(body.get("containerSet")).get("containers")
    yield from named(place.at("containerSet", "containers"), inner)
    for key in ("initContainers", "sidecars"):
        yield from named(place.at(key), body.get(key))


def unknown_objects(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Find ConfigMaps, their keys, and service accounts that are not among the files.

    Only if any of that kind is among them. Secrets are made by the user, and not looked for.
    """
    for node in walk(document.place, document.spec):
        key = node.keys[-1] if node.keys else ""
        if "memoize" in node.keys:
            continue  # Argo makes the ConfigMap of a cache itself
        if key in ("configMapRef", "configMapKeyRef", "configMap"):
            yield from _config_map(node, catalogue)
        elif key == "serviceAccountName" and node.value != "default":
            yield from _unknown_object(node.place, "ServiceAccount", node.value, catalogue)


def _config_map(node: Node, catalogue: Catalogue) -> Iterator[Problem]:
    reference = mapping(node.value)
    name = reference.get("name")
    if reference.get("optional") or name is None:
        return
    yield from _unknown_object(node.place.at("name"), "ConfigMap", name, catalogue)
    found = catalogue.find("ConfigMap", name)
    key = reference.get("key")
    if found is None or key is None or has_tag(key):
        return
    known = {**mapping(found.body.get("data")), **mapping(found.body.get("binaryData"))}
    if key not in known:
        yield node.place.at("key").problem(
            f"ConfigMap {name!r} has no key {key!r}{alternatives(str(key), known)}"
        )


def _unknown_object(
    place: Place, kind: str, name: object, catalogue: Catalogue
) -> Iterator[Problem]:
    known = catalogue.names(kind)
    if known and not has_tag(name) and str(name) not in known:
        yield place.problem(
            f"no {kind} {name!r} among the files given{alternatives(str(name), known)}"
        )


def traps(document: Document) -> Iterator[Problem]:
    """Find fields that Argo 4 no longer has or takes otherwise than one expects."""
    outer = mapping(document.body.get("spec"))
    if document.kind == "CronWorkflow" and "schedule" in outer:
        yield Place(document, "spec.schedule").problem(
            "was removed in Argo 4, use schedules: [...]"
        )
    for node in walk(document.place, document.spec):
        yield from _removed(node)
        if node.keys[-2:] == ("retryStrategy", "limit") and isinstance(node.value, int):
            yield node.place.problem(
                f"expected a string, found a number; write {str(node.value)!r}"
            )
    defaults = mapping(document.spec.get("templateDefaults"))
    for template in templates(document):
        yield from _without_command(template, defaults)


def _removed(node: Node) -> Iterator[Problem]:
    parent, key = ("", "", *node.keys)[-2:]
    if parent == "synchronization" and key in _REMOVED:
        yield node.place.problem(f"was removed in Argo 4, {_REMOVED[key]}")
    elif key == "podPriority":
        yield node.place.problem("was removed in Argo 4, use podPriorityClassName")


def _without_command(template: Template, defaults: Body) -> Iterator[Problem]:
    body, place = template.body, template.place
    for key in ("container", "script"):
        given = {**mapping(defaults.get(key)), **mapping(body.get(key))}
        if key in body and not given.get("command"):
            yield _no_command(place.at(key))
    containers = mapping(body.get("containerSet")).get("containers")
    for at, container in named(place.at("containerSet", "containers"), containers):
        if not container.get("command"):
            yield _no_command(at)


def _no_command(place: Place) -> Problem:
    return place.at("command").problem(
        "expected a command: without it Argo has to look into the image at its registry"
    )
