"""What embed takes, gives and needs."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Resources, ShardOutputs, Traffic
from components.records.manifest import Manifest
from components.records.videos import EmbeddedVideo, FramedVideo


class EmbedInputs(Inputs):
    manifest: Manifest[FramedVideo] = Field(
        description="Videos of one shard with the frames to embed"
    )


class EmbedOutputs(ShardOutputs):
    manifest: Manifest[EmbeddedVideo] = Field(description="The videos with their vectors")


COMPONENT = Component(
    name="embed",
    purpose="Turn the kept frames into vectors, in batches across the shard",
    inputs=EmbedInputs,
    outputs=EmbedOutputs,
    resources=Resources(cpu=2, memory_gib=8, disk_gib=4, gpu=1, deadline_s=4 * 3600),
    settings=("embed",),
    traffic=Traffic(requests=4, reads_frames=True),
    cuda="torch",
)
