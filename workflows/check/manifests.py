"""Manifests as read from YAML, and places in them that a problem can name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Body = Mapping[str, Any]

# Where each kind that Argo runs keeps its workflow spec.
SPECS = {
    "Workflow": "spec",
    "WorkflowTemplate": "spec",
    "ClusterWorkflowTemplate": "spec",
    "CronWorkflow": "spec.workflowSpec",
}


class ManifestError(ValueError):
    """A file cannot be read as Kubernetes manifests."""


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong, and where: a file, a document in it ("Kind/name"), a field of that."""

    file: str
    document: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.document}: {self.field}: {self.message}"


@dataclass(frozen=True, eq=False)
class Document:
    """One manifest."""

    file: str
    body: Body

    @property
    def kind(self) -> str:
        return str(self.body.get("kind", ""))

    @property
    def name(self) -> str:
        metadata = mapping(self.body.get("metadata"))
        return str(metadata.get("name") or metadata.get("generateName") or "")

    @property
    def runs(self) -> bool:
        """Whether it holds a workflow spec."""
        return self.kind in SPECS

    @property
    def spec(self) -> Body:
        """The workflow spec; empty for other kinds."""
        found: Body = self.body
        for key in SPECS[self.kind].split(".") if self.runs else ["spec"]:
            found = mapping(found.get(key))
        return found

    @property
    def place(self) -> Place:
        """The place of the workflow spec."""
        return Place(self, SPECS.get(self.kind, "spec"))


@dataclass(frozen=True)
class Place:
    """A field of a document, written as a path."""

    document: Document
    field: str

    def at(self, *keys: str) -> Place:
        """Return the place of a key below this one."""
        return Place(self.document, ".".join(filter(None, (self.field, *keys))))

    def item(self, index: int, value: object = None) -> Place:
        """Return the place of an element, called by its name where it has one."""
        name = mapping(value).get("name")
        return self.named(index if name is None else name)

    def named(self, name: object) -> Place:
        """Return the place of the element with this name."""
        return Place(self.document, f"{self.field}[{name}]")

    def problem(self, message: str) -> Problem:
        """Return a problem at this place."""
        document = self.document
        return Problem(document.file, f"{document.kind}/{document.name}", self.field, message)


@dataclass(frozen=True)
class Node:
    """A value anywhere in a manifest, with the keys that lead to it."""

    place: Place
    keys: tuple[str, ...]
    value: Any


def mapping(value: object) -> Body:
    """Return `value` if it is a mapping, else an empty one: the schema is checked elsewhere."""
    return value if isinstance(value, Mapping) else {}


def listed(value: object) -> list[Body]:
    """Return the mappings in a list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def by_name(value: object) -> dict[str, Body]:
    """Return the named mappings in a list."""
    return {str(each["name"]): each for each in listed(value) if "name" in each}


def named(place: Place, value: object) -> Iterator[tuple[Place, Body]]:
    """Yield the mappings in a list, with their places."""
    for index, each in enumerate(value if isinstance(value, list) else []):
        if isinstance(each, Mapping):
            yield place.item(index, each), each


def walk(place: Place, value: object, keys: tuple[str, ...] = ()) -> Iterator[Node]:
    """Yield `value` and everything in it."""
    yield Node(place, keys, value)
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from walk(place.at(str(key)), each, (*keys, str(key)))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from walk(place.item(index, each), each, (*keys, str(index)))


def read(paths: Iterable[Path]) -> list[Document]:
    """Return the documents in files, and in the .yaml and .yml files below folders.

    Raises:
        ManifestError: a file is missing, or not made of Kubernetes manifests.
    """
    return [document for path in paths for file in _files(path) for document in _documents(file)]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix in {".yaml", ".yml"})
    return [path]


def _documents(file: Path) -> Iterator[Document]:
    try:
        bodies = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ManifestError(f"{file}: is not YAML: {' '.join(str(error).split())}") from error
    for body in bodies:
        if body is not None:
            yield from _flattened(str(file), body)


def _flattened(file: str, body: object) -> Iterator[Document]:
    """Yield a manifest, or those in a List.

    Raises:
        ManifestError: it is no mapping.
    """
    if not isinstance(body, Mapping):
        raise ManifestError(
            f"{file}: expected Kubernetes manifests, found a {type(body).__name__}: {body!r:.60}"
        )
    if body.get("kind") == "List" and isinstance(body.get("items"), list):
        for item in body["items"]:
            yield from _flattened(file, item)
    else:
        yield Document(file, body)
