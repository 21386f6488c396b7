"""What dedup takes, gives and needs."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Resources, ShardOutputs
from components.records.manifest import Manifest
from components.records.videos import FramedVideo


class DedupInputs(Inputs):
    manifest: Manifest[FramedVideo] = Field(description="Framed videos of one shard")


class DedupOutputs(ShardOutputs):
    manifest: Manifest[FramedVideo] = Field(description="The videos with the frames that are kept")


COMPONENT = Component(
    name="dedup",
    purpose="Drop frames that look like one that is kept",
    inputs=DedupInputs,
    outputs=DedupOutputs,
    resources=Resources(cpu=1, memory_gib=1, disk_gib=4),
    settings=("dedup",),
)
