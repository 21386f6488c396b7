"""What digest takes, gives and needs."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Outputs, Resources
from components.records.record import RunName, S3Uri


class DigestInputs(Inputs):
    run: RunName = Field(min_length=1, description="Name of the run to sum up")
    max_failed_percent: float = Field(
        10.0, ge=0, le=100, description="With more videos failed than this, the digest fails too"
    )


class DigestOutputs(Outputs):
    digest: S3Uri = Field(description="The digest, a JSON object")
    summary: str = Field(description="What became of the videos, in lines for people")
    videos: int = Field(description="Videos planned")
    done: int = Field(description="Videos that can be searched")
    rejected: int = Field(description="Videos that cannot be processed")
    failed: int = Field(description="Videos to be tried again")
    leased: int = Field(description="Videos left to the runs that work on them")
    watches: int = Field(description="Standing questions that there are")


COMPONENT = Component(
    name="digest",
    purpose="Sum up a run: counts, reasons, slowest videos, seconds a phase",
    inputs=DigestInputs,
    outputs=DigestOutputs,
    resources=Resources(cpu=0.5, memory_gib=1),
    settings=("ledger", "prices"),
    gauges=("videos", "done", "rejected", "failed"),
)
