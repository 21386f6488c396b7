"""What `images/build` and `images/lock` know of the components: images/components.txt."""

from __future__ import annotations

from components.pipeline import components

_HEADER = (
    "# Rendered by `make docs` from the contracts: component, the Dockerfile's target, variant for",
    "# a GPU or -, and whose dependencies the image holds. Last, `oriane serve`, which is none.",
)
SERVE = "serve serve - server"


def images_table() -> str:
    """Return a line a component, in the order of the DAG, and one for `oriane serve`."""
    lines = [*_HEADER]
    for component in components():
        target = "torch" if component.cuda == "torch" else "phase"
        variant = "cuda" if component.cuda else "-"
        lines.append(
            f"{component.name} {target} {variant} {','.join(component.runs) or component.name}"
        )
    return "\n".join([*lines, SERVE]) + "\n"
