"""What plan takes, gives and needs."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from components.contract import Component, Inputs, Outputs, Resources
from components.records.manifest import Manifest
from components.records.record import RunName
from components.records.videos import Video

# 0 is what engines whose parameters are numbers give for auto.
AUTO = 0
VideosPerShard = Annotated[
    int, BeforeValidator(lambda given: AUTO if given == "auto" else given), Field(ge=0)
]
# How the phases of a shard are spread over pods; empty where one process takes it through all.
PodLayout = Annotated[str, Field(pattern="^((split|fused)(-gpu)?)?$")]
Origin = Annotated[str, Field(pattern="^(listing|ledger|queue)$")]


class Batch(BaseModel):
    """Shards that one child workflow handles: `count` of them, from number `first`."""

    model_config = ConfigDict(frozen=True)

    first: int
    count: int


class PlanInputs(Inputs):
    source: str = Field(
        "",
        description="S3 prefix to list for <platform>/<code>/video.mp4; empty takes job_input, "
        "or with catch_up the whole bucket",
    )
    job_input: str = Field(
        "",
        description='JSON list of {"platform": …, "code": …}, or the s3:// URI of one; empty '
        "takes the variable JOB_INPUT",
    )
    catch_up: bool = Field(
        False,
        description="Take what is due: new, changed, requested, failed a while ago, or made with "
        "other settings; leave out the rest",
    )
    origin: Origin = Field(
        "listing",
        description="Where catch_up looks: listing (of the source bucket), ledger (booked videos "
        "only), or queue (VP_QUEUE_URL)",
    )
    platform: str = Field("", description="With catch_up, videos of this platform only")
    older_than_h: float = Field(
        0.0, ge=0, description="With catch_up, sources written at least so many hours ago"
    )
    limit: int = Field(
        0,
        ge=0,
        description="Most videos to take of a listing, ledger or queue, the newest first; 0: all",
    )
    videos_per_shard: VideosPerShard = Field(
        1,
        description="Most videos one chain of pods handles; auto (or 0) makes as few shards as end "
        "in time and do not repeat too much if a pod is lost",
    )
    mb_per_shard: float = Field(
        0.0,
        ge=0,
        description="MB of video a shard is to hold, give or take one video; 0: as many as "
        "videos_per_shard allows",
    )
    shards_per_batch: int = Field(
        0, ge=0, description="Most shards one workflow handles; more make batches. 0: no batches"
    )
    shards_in_flight: int = Field(
        16, ge=1, description="Shards at once; runs with the same number share it"
    )
    pods: PodLayout = Field(
        "", description="The engine's pods: split or fused, with -gpu; empty in one process"
    )
    run: RunName = Field(
        "", description="Name of the run, part of its manifests' addresses; empty makes one"
    )


class PlanOutputs(Outputs):
    shards: tuple[Manifest[Video], ...] = Field(
        description="One manifest a shard; empty where there are batches"
    )
    inline: int = Field(description="Shards that this workflow handles itself: all, or none")
    batches: tuple[Batch, ...] = Field(
        description="First number and count of the shards of each batch; empty where one "
        "workflow handles all"
    )
    addresses: str = Field(description="Address of a shard's manifest, with %06d for its number")
    names: tuple[str, ...] = Field(
        description="Name of each shard, its number first; empty where they are too many to hand on"
    )
    run: str = Field(description="Name of the run")
    videos: int = Field(description="Videos planned")
    skipped: int = Field(
        description="Listed objects that are not <platform>/<code>/video.mp4, and foreign messages"
    )
    leased: int = Field(description="Videos left to the runs that work on them")
    backlog: int = Field(description="Videos that are due but not taken this time")
    backlog_oldest_s: float = Field(
        description="Age of the oldest source of all that are due, in seconds"
    )


COMPONENT = Component(
    name="plan",
    purpose="List the videos to process and pack them into shards",
    inputs=PlanInputs,
    outputs=PlanOutputs,
    resources=Resources(cpu=0.25, memory_gib=0.5),
    settings=("plan", "ledger"),
    compares=True,
    gauges=("videos", "backlog", "backlog_oldest_s"),
)
