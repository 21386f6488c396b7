"""The commands that the documents show, as a reader types them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

# What a reader needs for these is not on this machine: a cluster, images, the hub of models; or
# other tests run them as they are.
_NOT_HERE = re.compile(
    r"^(make|kubectl|curl|docker|buildah|cp|images/\w+|ORIANE_CLUSTER_TESTS=1|python benchmarks)\b"
    r"|^export ARGO_SERVER|^\S*oriane (submit|doctor|demo|render kubeflow)\b|--model openai/"
    r"|model rollback"
    r"|oriane serve\b| --open\b|\bimages/\w+|pip install|transnetv2"
)


@dataclass(frozen=True)
class Typed:
    """A command line of a document: variables put before it, and what is run."""

    line: str
    variables: dict[str, str]
    arguments: tuple[str, ...]

    @property
    def runs_here(self) -> bool:
        return not _NOT_HERE.search(self.line)


def typed(path: Path) -> list[Typed]:
    """Return what a document's blocks have one type, in order; output of commands is left out."""
    found = []
    for kind, block in re.findall(r"```(sh|console)\n(.*?)```", path.read_text(), re.DOTALL):
        lines = block.replace("\\\n", " ").splitlines()
        if kind == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        found += [_parsed(line) for line in lines if line.strip() and not line.startswith("#")]
    return found


def _parsed(line: str) -> Typed:
    words = shlex.split(line, comments=True)
    variables = {}
    while words and re.fullmatch(r"[A-Z][A-Z0-9_]*=.*", words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return Typed(line.strip(), variables, tuple(words))
