"""What upload takes, gives and needs."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Resources, ShardOutputs
from components.manifest import FramedVideo, Manifest, PublishedVideo


class UploadInputs(Inputs):
    manifest: Manifest[FramedVideo] = Field(
        description="Videos of one shard with the frames to publish"
    )


class UploadOutputs(ShardOutputs):
    manifest: Manifest[PublishedVideo] = Field(description="The videos whose frames are published")


COMPONENT = Component(
    name="upload",
    purpose="Publish the kept frames to the frames bucket",
    inputs=UploadInputs,
    outputs=UploadOutputs,
    resources=Resources(cpu=0.5, memory_gib=0.5, disk_gib=4),
    settings=("upload",),
)
