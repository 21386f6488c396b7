"""What frame takes, gives and needs."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Resources, ShardOutputs, Traffic
from components.records.manifest import Manifest
from components.records.videos import CroppedVideo, FramedVideo


class FrameInputs(Inputs):
    manifest: Manifest[CroppedVideo] = Field(description="Cropped videos of one shard")


class FrameOutputs(ShardOutputs):
    manifest: Manifest[FramedVideo] = Field(
        description="The videos with their frames, as a tar of files each"
    )


COMPONENT = Component(
    name="frame",
    purpose="Pick the frames that represent each video's scenes",
    inputs=FrameInputs,
    outputs=FrameOutputs,
    resources=Resources(cpu=2, memory_gib=4, disk_gib=16),
    settings=("limits", "crop", "frame"),
    version=3,
    decodes=True,
    traffic=Traffic(requests=4, reads_source=True, writes_frames=True),
    cuda="ffmpeg",
)
