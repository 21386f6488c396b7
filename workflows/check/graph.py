"""The order of tasks in a DAG: what each waits for, and whether that can be fulfilled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from workflows.check.calls import Template, tasks
from workflows.check.manifests import Body, Place, Problem, mapping
from workflows.check.names import alternatives
from workflows.check.tags import has_tag

_OF_ITEMS = ("AllFailed", "AnySucceeded")
_RESULTS = ("Daemoned", "Errored", "Failed", "Omitted", "Skipped", "Succeeded", *_OF_ITEMS)
# The same as Argo's: a name, and the result after a dot if there is one.
_OPERAND = re.compile(r"([a-zA-Z0-9][-a-zA-Z0-9]*)(?:\.(\w+))?")

LOOPS = ("withItems", "withParam", "withSequence")


def ancestors(template: Template) -> dict[str, set[str]]:
    """Return, for each task of a DAG, all tasks that have ended before it starts."""
    direct = {str(task.get("name")): _waits_for(task) for _, task in tasks(template)}
    return {name: _closure(name, direct) for name in direct}


def looped(task: Body) -> bool:
    """Tell whether a task or step runs once for each of several items."""
    return any(way in task for way in LOOPS)


def order(template: Template) -> Iterator[Problem]:
    """Find dependencies that do not exist, wrong results, and cycles."""
    known = {str(task.get("name")): task for _, task in tasks(template)}
    for place, task in tasks(template):
        if "depends" in task and "dependencies" in task:
            yield place.at("dependencies").problem(
                "depends and dependencies exclude each other; keep depends"
            )
        yield from _operands(place, task, known)
    yield from _cycles(template)
    yield from _targets(template, known)


def _operands(place: Place, task: Body, known: Mapping[str, Body]) -> Iterator[Problem]:
    for field, name, result in _dependencies(task):
        if name not in known:
            yield place.at(field).problem(
                f"no task {name!r} in this DAG{alternatives(name, known)}"
            )
        elif result and result not in _RESULTS:
            yield place.at(field).problem(
                f"{name}.{result}: {result!r} is no result of a task"
                f"{alternatives(result, _RESULTS)}"
            )
        elif result in _OF_ITEMS and not looped(known[name]):
            yield place.at(field).problem(
                f"{name}.{result}: {name!r} has no items, expected one of {', '.join(LOOPS)} there"
            )


def _dependencies(task: Body) -> Iterator[tuple[str, str, str]]:
    depends = task.get("depends")
    for match in _OPERAND.finditer(depends if isinstance(depends, str) else ""):
        yield "depends", match[1], match[2] or ""
    listed = task.get("dependencies")
    for name in listed if isinstance(listed, list) else []:
        yield "dependencies", str(name), ""


def _waits_for(task: Body) -> set[str]:
    return {name for _, name, _ in _dependencies(task)}


def _closure(name: str, direct: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    ahead = list(direct.get(name, ()))
    while ahead:
        other = ahead.pop()
        if other not in found:
            found.add(other)
            ahead += direct.get(other, ())
    return found


def _cycles(template: Template) -> Iterator[Problem]:
    before = ancestors(template)
    for place, task in tasks(template):
        name = str(task.get("name"))
        if name in before[name]:
            field = "depends" if "depends" in task else "dependencies"
            others = sorted(other for other in before[name] if name in before.get(other, ()))
            yield place.at(field).problem(f"{name!r} waits for itself, through {', '.join(others)}")


def _targets(template: Template, known: Mapping[str, Body]) -> Iterator[Problem]:
    target = mapping(template.body.get("dag")).get("target")
    for name in target.split() if isinstance(target, str) and not has_tag(target) else []:
        if name not in known:
            yield template.place.at("dag", "target").problem(
                f"no task {name!r} in this DAG{alternatives(name, known)}"
            )
