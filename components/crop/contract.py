"""What crop takes, gives and needs."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Resources, ShardOutputs, Traffic
from components.records.manifest import Manifest
from components.records.videos import CroppedVideo, SourceVideo


class CropInputs(Inputs):
    manifest: Manifest[SourceVideo] = Field(description="Probed videos of one shard")


class CropOutputs(ShardOutputs):
    manifest: Manifest[CroppedVideo] = Field(
        description="The videos with the rectangle that holds the picture"
    )


COMPONENT = Component(
    name="crop",
    purpose="Find the border around each picture, and re-encode without it where wanted",
    inputs=CropInputs,
    outputs=CropOutputs,
    resources=Resources(cpu=2, memory_gib=4, disk_gib=16, gpu=1, deadline_s=4 * 3600),
    settings=("limits", "crop"),
    version=2,
    decodes=True,
    traffic=Traffic(requests=3, reads_source=True),
    cuda="ffmpeg",
)
