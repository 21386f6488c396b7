"""What a run on this machine did: the object that `oriane run --json` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import ConfigDict, SerializerFunctionWrapHandler, model_serializer
from pydantic.dataclasses import dataclass

from components.errors import Failure
from components.records.bill import Bill
from components.records.done_marker import DoneMarker
from components.records.limit import Limit
from components.records.manifest import Entry
from components.records.record import Record
from components.records.videos import RecordedVideo, Rectangle
from components.records.watch import WatchNotice

NOT_TRIED = "not tried"
# What readers ask of a frame, beside its path.
_OF_A_FRAME = ("number", "second", "scene_start", "scene_end")


_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


# A run holds all videos and frames until its end; as Records, frames would take four times the
# memory, and videos twice.
@dataclass(frozen=True, slots=True, config=_STRICT)
class RunFrame:
    """A frame that was kept: `path` is its key in the frames bucket."""

    number: int
    second: float
    path: str
    scene_start: float
    scene_end: float


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class RunVideo:
    """How a video ended. `reused` are the phases whose earlier results were taken over."""

    platform: str
    code: str
    status: Literal["done", "rejected", "failed"]
    reason: str | None
    message: str | None
    duration: float | None = None
    crop: Rectangle | None = None
    frames: tuple[RunFrame, ...] = ()
    duplicates_removed: int = 0
    reused: tuple[str, ...]
    seconds: dict[str, float]

    @classmethod
    def of(cls, entry: Entry[Any]) -> Self:
        """Return how the video of an entry ended."""
        problem = entry.problem
        ended: dict[str, Any] = {
            "platform": entry.video.platform,
            "code": entry.video.code,
            "status": problem.kind if problem else "done",
            "reason": problem.reason if problem else None,
            "message": problem.message if problem else None,
            "reused": tuple(step.phase for step in entry.steps if step.reused),
            "seconds": {step.phase: step.seconds for step in entry.steps},
        }
        if not isinstance(entry.result, RecordedVideo):
            return cls(**ended)
        framed = entry.result.indexed.framed
        frames = (
            RunFrame(
                path=framed.path(frame), **{name: getattr(frame, name) for name in _OF_A_FRAME}
            )
            for frame in framed.frames
        )
        return cls(
            duration=framed.cropped.source.duration,
            crop=framed.rectangle,
            frames=tuple(frames),
            duplicates_removed=framed.duplicates_removed,
            **ended,
        )

    @classmethod
    def of_marker(cls, marker: DoneMarker) -> Self:
        """Return the end of a video that was done before the run, by its marker."""
        frames = (
            RunFrame(
                path=marker.path(frame),
                **{name: getattr(frame, name) for name in _OF_A_FRAME},
            )
            for frame in marker.frames
        )
        return cls(
            platform=marker.platform,
            code=marker.code,
            status="done",
            reason=None,
            message=None,
            duration=marker.duration,
            crop=marker.crop,
            frames=tuple(frames),
            duplicates_removed=marker.duplicates_removed,
            reused=tuple(marker.fingerprints),
            seconds=dict.fromkeys(marker.fingerprints, 0.0),
        )

    @property
    def name(self) -> str:
        """`platform/code`."""
        return f"{self.platform}/{self.code}"


class LeftOut(Record):
    """A file that was given and cannot be a video of the run: why, and what would change that."""

    file: str
    reason: Literal["bad_name", "unreadable"]
    message: str


class RunReport(Record):
    """The videos of a run, by name, and how long it took in seconds; files that are none of it.

    `leased` is how many more were asked for, that other runs work on. `watches` are the standing
    questions that the new frames fit, with their best moments. `bill` is what it cost, and `limit`
    how near it came to what the machine could; None where nothing was worked on, or not measured.
    """

    run: str
    seconds: float
    videos: tuple[RunVideo, ...]
    left_out: tuple[LeftOut, ...] = ()
    leased: int = 0
    watches: tuple[WatchNotice, ...] = ()
    bill: Bill | None = None
    limit: Limit | None = None

    @classmethod
    def of(
        cls,
        run: str,
        seconds: float,
        videos: Iterable[RunVideo],
        left_out: Iterable[LeftOut] = (),
        leased: int = 0,
    ) -> Self:
        """Return the report of a run whose videos ended so."""
        return cls(
            run=run,
            seconds=round(seconds, 3),
            videos=tuple(sorted(videos, key=lambda video: (video.platform, video.code))),
            left_out=tuple(left_out),
            leased=leased,
        )

    @model_serializer(mode="wrap")
    def _without_what_is_rare(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = dump(self)
        for name in ("leased", "watches", "bill", "limit"):
            if not getattr(self, name):
                content.pop(name, None)
        return content

    @property
    def counts(self) -> Counter[str]:
        """How many videos ended in each status."""
        return Counter(video.status for video in self.videos)

    @property
    def shared_fault(self) -> str | None:
        """The internal error that every video failed with, None if any ended otherwise."""
        if not self.videos or any(video.reason != Failure.INTERNAL_ERROR for video in self.videos):
            return None
        messages = [str(video.message) for video in self.videos]
        return next((m for m in messages if not m.startswith(NOT_TRIED)), messages[0])
