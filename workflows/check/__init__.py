"""The static check of Argo manifests, which needs no cluster.

Every `{{…}}`, every reference to a template and every required argument has to resolve among the
files given. Field names and types are not looked at: the custom resource definitions do that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from workflows.check.arguments import unsound_parameters, wrong_arguments
from workflows.check.calls import Catalogue, templates, unknown_targets
from workflows.check.graph import order
from workflows.check.manifests import Document, ManifestError, Problem, read
from workflows.check.pods import traps, unknown_objects, unknown_volumes
from workflows.check.references import lost_parameters, unresolved_references
from workflows.check.scope import Scopes

__all__ = ["Document", "ManifestError", "Problem", "check", "problems", "read"]


def check(paths: Iterable[Path]) -> list[Problem]:
    """Return the problems of the manifests in files and folders.

    Raises:
        ManifestError: a file is missing, or not made of Kubernetes manifests.
    """
    return problems(read(paths))


def problems(documents: Iterable[Document]) -> list[Problem]:
    """Return the problems of documents that are used together, in order of file and field."""
    catalogue = Catalogue(documents)
    scopes = Scopes(catalogue)
    return sorted(
        {
            problem
            for document in catalogue.documents
            if document.runs
            for problem in _problems(document, catalogue, scopes)
        }
    )


def _problems(document: Document, catalogue: Catalogue, scopes: Scopes) -> Iterator[Problem]:
    yield from unknown_targets(document, catalogue)
    yield from wrong_arguments(document, catalogue)
    yield from unsound_parameters(document)
    for template in templates(document):
        yield from order(template)
    yield from unresolved_references(document, scopes)
    yield from lost_parameters(document, catalogue)
    yield from unknown_volumes(document, catalogue)
    yield from unknown_objects(document, catalogue)
    yield from traps(document)
