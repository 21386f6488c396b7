"""What prepare takes, gives and needs: the phases that read the video file, in one pod."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Resources, ShardOutputs
from components.manifest import FramedVideo, Manifest, Video


class PrepareInputs(Inputs):
    manifest: Manifest[Video] = Field(description="Videos of one shard, as planned")


class PrepareOutputs(ShardOutputs):
    manifest: Manifest[FramedVideo] = Field(description="The videos with the frames that are kept")


# As much as the largest of the phases, for as long as all of them together.
COMPONENT = Component(
    name="prepare",
    purpose="Do what fetch, crop, frame and dedup do, one after the other in one pod",
    inputs=PrepareInputs,
    outputs=PrepareOutputs,
    resources=Resources(cpu=2, memory_gib=4, disk_gib=16, gpu=1, deadline_s=7 * 3600),
    settings=("limits", "crop", "frame", "dedup"),
    runs=("fetch", "crop", "frame", "dedup"),
)
