"""Follows a run of the pipeline in the cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.cluster.installation import get, kubectl

FINISHED = {"Succeeded", "Failed", "Error"}


def create(manifest: str) -> str:
    """Create a workflow and return its name."""
    return kubectl("create", "--filename", "-", "--output", "name", given=manifest).split("/")[1][
        :-1
    ]


def finished(name: str, seconds: float = 600) -> dict[str, Any]:
    """Return the workflow once it has ended."""
    return until(lambda: _ended(name), seconds, f"workflow {name} to end")


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return the first true value of `condition`.

    Raises:
        TimeoutError: there was none in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.3)
    raise TimeoutError(f"waited {seconds:g} s for {what}")


def nodes(workflow: dict[str, Any], template: str) -> list[dict[str, Any]]:
    """Return the workflow's pods of a component, retries included."""
    return [
        node
        for node in workflow.get("status", {}).get("nodes", {}).values()
        if node["type"] == "Pod" and (node.get("templateRef") or {}).get("template") == template
    ]


def _ended(name: str) -> dict[str, Any] | None:
    workflow: dict[str, Any] = get("workflow", name)
    return workflow if workflow.get("status", {}).get("phase") in FINISHED else None
