"""What plan takes, gives and needs."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Outputs, Resources
from components.manifest import Manifest, Video


class PlanInputs(Inputs):
    source: str = Field(
        "",
        description="S3 prefix to list for <platform>/<code>/video.mp4; empty takes job_input",
    )
    job_input: str = Field(
        "",
        description='JSON list of {"platform": …, "code": …}, or the s3:// URI of one; empty '
        "takes the variable JOB_INPUT",
    )
    videos_per_shard: int = Field(1, ge=1, description="Most videos one chain of pods handles")
    run: str = Field(
        "", description="Name of the run, part of its manifests' addresses; empty makes one"
    )


class PlanOutputs(Outputs):
    shards: tuple[Manifest[Video], ...] = Field(description="One manifest a shard")
    run: str = Field(description="Name of the run")
    videos: int = Field(description="Videos planned")
    skipped: int = Field(description="Listed objects that are no <platform>/<code>/video.mp4")


COMPONENT = Component(
    name="plan",
    purpose="List the videos to process and pack them into shards",
    inputs=PlanInputs,
    outputs=PlanOutputs,
    resources=Resources(cpu=0.25, memory_gib=0.5),
    settings=("plan",),
)
