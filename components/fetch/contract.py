"""What fetch takes, gives and needs."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Resources, ShardOutputs, Traffic
from components.records.manifest import Manifest
from components.records.videos import SourceVideo, Video


class FetchInputs(Inputs):
    manifest: Manifest[Video] = Field(description="Videos of one shard, as planned")


class FetchOutputs(ShardOutputs):
    manifest: Manifest[SourceVideo] = Field(
        description="The videos that can be processed, with what the probe found"
    )


COMPONENT = Component(
    name="fetch",
    purpose="Probe each source video and reject what cannot be processed",
    inputs=FetchInputs,
    outputs=FetchOutputs,
    resources=Resources(cpu=1, memory_gib=2, disk_gib=8),
    settings=("limits",),
    version=2,
    decodes=True,
    traffic=Traffic(requests=4, reads_source=True),
)
