"""Standing questions: what `watches/` in the artifacts bucket holds, and what a webhook is sent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.records.record import Document, IsoTime, RunName

# A file and a folder in S3, and a word on the command line.
WatchName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


def watches_folder(bucket: str) -> str:
    """Return the folder right below which the standing questions lie."""
    return f"s3://{bucket}/watches/"


class Watch(Document):
    """A standing question: `watches/<name>.json`.

    `confidence` is what a moment has to reach, `platform` the only one asked about, `webhook` the
    address that new moments are sent to. `model` is the collection's when it was last asked, empty
    before there was one; with another, all is asked again.
    """

    version: int = 1
    name: WatchName
    text: str = Field(min_length=1)
    confidence: float = Field(ge=0, le=1)
    platform: str | None = None
    webhook: str | None = None
    model: str = ""
    added_at: IsoTime


class WatchedMoment(Document):
    """A part of a video that fits, in seconds; the best frame's second, number and key in S3.

    `frames` are the numbers of all frames that fit; `folded` names frames, as platform/code/number,
    of moments that look the same and are left out.
    """

    platform: str
    code: str
    start: float
    end: float
    second: float
    frame_number: int
    path: str
    score: float
    confidence: float
    frames: tuple[int, ...]
    folded: tuple[str, ...] = ()


class Delivery(Document):
    """What became of a webhook; `message` says why it was not delivered."""

    delivered: bool
    attempts: int
    at: IsoTime
    message: str | None = None


class WatchNotice(Document):
    """The new moments of a run that fit a standing question: `watches/<name>/<run>.json`.

    `total` is how many moments there are, of which other documents hold the first ones only.
    `frames` is how many frames were asked about; with `everything`, they were all there are,
    because the collection's model is another than before. `webhook` is None where none was sent.
    """

    version: int = 1
    watch: WatchName
    text: str
    run: RunName
    asked_at: IsoTime
    model: str
    confidence: float
    frames: int
    everything: bool = False
    total: int
    moments: tuple[WatchedMoment, ...]
    webhook: Delivery | None = None


class WatchEvent(Document):
    """The body of a webhook; a `test` asks about all there is, and announces nothing."""

    type: Literal["watch.moments", "watch.test"]
    timestamp: IsoTime
    data: WatchNotice


class Announced(Document):
    """The ids of the points that a watch has announced: `watches/<name>/announced/points.json`."""

    version: int = 1
    points: tuple[str, ...] = ()
