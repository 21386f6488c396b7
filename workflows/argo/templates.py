"""Every Argo object of the project by name, where Hera's tools find them.

`hera generate yaml workflows/argo/templates.py` prints what `oriane render argo` writes.
"""

from __future__ import annotations

from collections.abc import Iterator

from hera.workflows import Workflow

from components.pipeline import components, video_to_embedding
from workflows.argo.component_template import component_template
from workflows.argo.doctor_template import doctor_template
from workflows.argo.lease_template import lease_template
from workflows.argo.pipeline_templates import nightly_catch_up, pipeline_templates
from workflows.argo.watch_template import watch_template


def _objects() -> Iterator[Workflow]:
    for declared in components():
        yield component_template(declared)
        if declared.resources.gpu:
            yield component_template(declared, gpu=True)
    yield lease_template()
    yield watch_template()
    for fused in (False, True):
        for gpu in (False, True):
            yield from pipeline_templates(video_to_embedding(fused=fused), gpu=gpu)
    for gpu in (False, True):
        yield doctor_template(list(components()), gpu=gpu)
    yield nightly_catch_up(video_to_embedding(fused=True))


TEMPLATES = {str(each.name): each for each in _objects()}
# Hera's tools look for workflows among a module's variables.
globals().update({name.upper().replace("-", "_"): each for name, each in TEMPLATES.items()})
