"""The DAG as docs/architecture.md draws it."""

from __future__ import annotations

from components.dag import Item, Output, Pipeline
from components.records.manifest import Manifest


def data_flow(pipeline: Pipeline) -> list[str]:
    """Return the lines of a Mermaid flowchart: which step hands which manifest to which others."""
    takers: dict[Output | Item, list[str]] = {}
    for step in pipeline.each:
        for source in step.arguments.values():
            if isinstance(source, Output | Item) and issubclass(source.type, Manifest):
                takers.setdefault(source, []).append(step.name)
    begin: list[str] = []
    inside: list[str] = []
    for source, names in takers.items():
        giver = source.of.step if isinstance(source, Item) else source.step
        arrow = f'{giver} -- "{source.type.__name__}" --> {" & ".join(names)}'
        (begin if isinstance(source, Item) else inside).append(arrow)
    return [
        "```mermaid",
        "flowchart LR",
        *(f"    {arrow}" for arrow in begin),
        '    subgraph "for each shard"',
        *(f"        {arrow}" for arrow in inside),
        "    end",
        "```",
    ]
