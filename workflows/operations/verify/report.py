"""What `oriane verify --json` prints."""

from __future__ import annotations

from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from components.records.record import Record
from workflows.operations.verify.defects import Action, Kind


class Example(Record):
    """A video, and what is wrong with it."""

    video: str
    detail: str


class Finding(Record):
    """The videos with one kind of defect: how many, with how many objects.

    `repairable` of them need a repair; for the others the next catch-up or a person does what is
    needed.
    """

    kind: Kind
    videos: int
    objects: int
    repairable: int
    examples: tuple[Example, ...]


class Repaired(Record):
    """What was done, or would be: videos by action; `left` are those beyond the limit.

    `foreign_points` were removed where that was asked for.
    """

    applied: bool
    videos: int
    left: int
    actions: dict[Action, int]
    foreign_points: int = 0


class ReadBack(Record):
    """What was read back: `next_after` is where to go on, None where nothing is left.

    A sample of more videos than were asked for has nothing to go on from.
    """

    videos: int
    frames: int
    points: int
    next_after: str | None


class Verification(Record):
    """What was looked at, what was found, and what was done about it, if that was asked for.

    `foreign` counts, by place, what is not of this program's layout and never touched.
    """

    videos: int
    points: int
    leased: int
    foreign: dict[str, int]
    findings: tuple[Finding, ...]
    read_back: ReadBack | None = None
    repair: Repaired | None = None

    @model_serializer(mode="wrap")
    def _without_empty(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = dump(self)
        if self.read_back is None:
            content.pop("read_back", None)
        return content
