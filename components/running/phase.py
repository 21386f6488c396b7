"""Runs a component: its own work, or that of the phases it strings together."""

from __future__ import annotations

import importlib
from typing import Any, cast

from components.contract import Component, In, Out
from components.pipeline import component
from components.running.services import Services


def run(declared: Component[In, Out], inputs: In, services: Services) -> Out:
    """Do the work; `components/<name>/run.py` is imported only here."""
    if declared.runs:
        return _in_turn(declared, inputs, services)
    module = importlib.import_module(f"components.{declared.name}.run")
    return cast(Out, module.run(inputs, services))


def _in_turn(declared: Component[In, Out], inputs: In, services: Services) -> Out:
    """Hand the manifest from phase to phase; what failed in any of them has failed here."""
    manifest, failed = cast(Any, inputs).manifest, 0
    for name in declared.runs:
        phase = component(name)
        outputs: Any = run(phase, phase.inputs(manifest=manifest), services)
        manifest, failed = outputs.manifest, failed + outputs.failed
    return declared.outputs(**{**dict(outputs), "failed": failed})
