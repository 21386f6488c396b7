"""What upload takes, gives and needs."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Resources, ShardOutputs, Traffic
from components.records.manifest import Manifest
from components.records.videos import FramedVideo, PublishedVideo


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
    traffic=Traffic(requests=2, requests_a_frame=1, reads_frames=True, writes_frames=True),
)
