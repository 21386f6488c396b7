"""What record takes, gives and needs."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Resources, ShardOutputs, Traffic
from components.records.manifest import Manifest
from components.records.videos import IndexedVideo, RecordedVideo


class RecordInputs(Inputs):
    manifest: Manifest[IndexedVideo] = Field(description="Indexed videos of one shard")
    run: str = Field("", description="Name of the run that the ledger and the markers note")


class RecordOutputs(ShardOutputs):
    manifest: Manifest[RecordedVideo] = Field(description="The videos that are booked")


COMPONENT = Component(
    name="record",
    purpose="Write each video's done marker and book success or failure in Postgres",
    inputs=RecordInputs,
    outputs=RecordOutputs,
    resources=Resources(cpu=0.25, memory_gib=0.5),
    settings=("ledger",),
    traffic=Traffic(requests=3),
)
