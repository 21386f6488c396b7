"""What index takes, gives and needs."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Resources, ShardOutputs, Traffic
from components.records.manifest import Manifest
from components.records.videos import EmbeddedVideo, IndexedVideo, PublishedVideo


class IndexInputs(Inputs):
    published: Manifest[PublishedVideo] = Field(description="Published videos of one shard")
    embedded: Manifest[EmbeddedVideo] = Field(description="Embedded videos of the same shard")


class IndexOutputs(ShardOutputs):
    manifest: Manifest[IndexedVideo] = Field(description="The videos that can be searched")


COMPONENT = Component(
    name="index",
    purpose="Upsert one point a frame into Qdrant and remove the video's stale ones",
    inputs=IndexInputs,
    outputs=IndexOutputs,
    resources=Resources(cpu=0.5, memory_gib=1),
    settings=("index",),
    builds_on=("embedded",),
    traffic=Traffic(requests=3),
)
