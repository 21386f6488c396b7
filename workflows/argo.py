"""Every Argo object of the project by name, where Hera's tools find them.

`hera generate yaml workflows/argo.py` prints what `oriane render` writes.
"""

from __future__ import annotations

from components.contract import component, components
from workflows.pipeline import video_to_embedding
from workflows.templates.component import component_template
from workflows.templates.pipeline import nightly_catch_up, pipeline_templates

(PLAN, FETCH, CROP, FRAME, DEDUP, PREPARE, UPLOAD, EMBED, INDEX, RECORD, DIGEST) = map(
    component_template, components()
)
VIDEO_TO_EMBEDDING, VIDEO_TO_EMBEDDING_BATCH = pipeline_templates(video_to_embedding())
VIDEO_TO_EMBEDDING_FUSED, VIDEO_TO_EMBEDDING_FUSED_BATCH = pipeline_templates(
    video_to_embedding(fused=True)
)
NIGHTLY_CATCH_UP = nightly_catch_up(video_to_embedding())

CROP_GPU = component_template(component("crop"), gpu=True)
PREPARE_GPU = component_template(component("prepare"), gpu=True)
EMBED_GPU = component_template(component("embed"), gpu=True)
VIDEO_TO_EMBEDDING_GPU, VIDEO_TO_EMBEDDING_GPU_BATCH = pipeline_templates(
    video_to_embedding(), gpu=True
)
VIDEO_TO_EMBEDDING_FUSED_GPU, VIDEO_TO_EMBEDDING_FUSED_GPU_BATCH = pipeline_templates(
    video_to_embedding(fused=True), gpu=True
)
