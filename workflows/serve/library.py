"""The library: all about one video, and the runs. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from components.errors import ConfigurationError
from components.pipeline import VIDEO_PHASES
from components.records.booking import Booking, Event
from components.records.done_marker import DoneMarker
from components.records.record import Name, RunName
from components.records.videos import (
    CroppedVideo,
    Duplicate,
    Frame,
    FramedVideo,
    SourceVideo,
    Video,
)
from components.running.results import Results
from components.running.services import Services
from workflows.operations.runs.history import Runs, run
from workflows.operations.runs.report import PastRun
from workflows.operations.status.status import of_video
from workflows.serve.dropped import DroppedFrames, Held
from workflows.serve.listing import listed
from workflows.serve.refusals import RefusedError, told
from workflows.serve.report import (
    LibraryFrame,
    LibraryVideo,
    PhaseTime,
    RunPage,
)

# Events by which a run has booked how it left a video.
_ENDS = ("done", "rejected", "failed")
_NAME: TypeAdapter[str] = TypeAdapter(Name)
_RUN: TypeAdapter[str] = TypeAdapter(RunName)


class Library:
    """Answers questions about videos and runs; safe to share between threads.

    Every method raises what the stores raise: TransientError where one does not answer.
    """

    def __init__(self, services: Services, dropped: DroppedFrames) -> None:
        self._services, self._dropped = services, dropped
        self._runs = Runs(services)
        bucket = services.settings.storage.artifacts_bucket
        # Not by the listing that a run keeps: other processes write what is read here.
        self._results = Results(services.store, bucket, listing=False)

    def video(self, platform: str, code: str) -> LibraryVideo:
        """Return all that is known of one video.

        Raises:
            RefusedError: 404, nothing is.
        """
        _check_names(platform, code)
        try:
            known = of_video(self._services, platform, code)
        except ConfigurationError as error:
            raise RefusedError(404, *told(error)) from error
        booking = known.booking or Booking(platform=platform, code=code, state=None)
        marker = self.marker(platform, code)
        framed = self._results.behind(marker, "dedup", FramedVideo) if marker else None
        source = framed.cropped.source if framed else self._source(booking)
        held = self._dropped.held(marker) if marker else None
        return LibraryVideo(
            listed=listed(booking),
            booking=known.booking,
            events=known.events,
            duration=marker.duration if marker else source.duration if source else None,
            width=source.width if source else None,
            height=source.height if source else None,
            codec=source.codec if source else None,
            crop=marker.crop if marker else None,
            model=marker.model if marker else None,
            duplicates_removed=marker.duplicates_removed if marker else None,
            phases=self._phases(booking, known.events, marker),
            frames=_frames(marker, framed, held) if marker else (),
            url=f"/api/media/{quote(platform, safe='')}/{quote(code, safe='')}",
        )

    def marker(self, platform: str, code: str) -> DoneMarker | None:
        """Return the done marker of a video, None where there is none that is its own.

        Raises:
            RefusedError: 404, no video can have these names.
        """
        _check_names(platform, code)
        marker = self._services.markers.done(platform, code)
        return marker if marker and (marker.platform, marker.code) == (platform, code) else None

    def runs(self, *, after: str = "", limit: int = 20) -> RunPage:
        """Return the runs that follow the run `after`, the newest first."""
        page, more = self._runs.page(after, limit)
        return RunPage(runs=tuple(page), next=page[-1].run if more else None)

    def last_run(self) -> PastRun | None:
        """Return the run that began last."""
        return next(iter(self.runs(limit=1).runs), None)

    def run(self, name: str) -> PastRun:
        """Return one run.

        Raises:
            RefusedError: 404, there is none of this name.
        """
        try:
            return run(self._services, _RUN.validate_python(name))
        except (ConfigurationError, ValidationError) as error:
            raise RefusedError(
                404, f"run {name} is not known", "GET /api/runs lists them"
            ) from error

    def _source(self, booking: Booking) -> SourceVideo | None:
        """Return what fetch or crop found, of a video that stopped later."""
        if not booking.source:
            return None
        video = Video(platform=booking.platform, code=booking.code, source=booking.source)
        marks = booking.fingerprints
        if mark := marks.get("crop"):
            cropped = self._results.found(video, "crop", mark, CroppedVideo)
            if cropped:
                return cropped.source
        mark = marks.get("fetch")
        return self._results.found(video, "fetch", mark, SourceVideo) if mark else None

    def _phases(
        self, booking: Booking, events: Sequence[Event], marker: DoneMarker | None
    ) -> tuple[PhaseTime, ...]:
        """Return the phases that the video passed in its last run, as far as that is booked."""
        seconds = _of_ledger(booking, events)
        if not self._services.ledger:
            rejected = self._services.markers.rejected(booking.platform, booking.code)
            seconds = rejected.seconds if rejected else marker.seconds if marker else {}
        return tuple(
            PhaseTime(phase=phase, seconds=spent, reused=spent is None)
            for phase, spent in seconds.items()
        )


def _of_ledger(booking: Booking, events: Sequence[Event]) -> dict[str, float | None]:
    """Return the seconds of the phases passed in the last run, by what the ledger noted of it."""
    ends = [one for one in events if one.run == booking.run and one.event in _ENDS]
    if not ends:
        return {}
    worked, stopped = ends[-1].details.get("seconds", {}), ends[-1].details.get("phase")
    passed = takewhile(lambda phase: phase != stopped, VIDEO_PHASES)
    return {phase: worked.get(phase) for phase in passed}


def _check_names(*names: str) -> None:
    """Refuse what cannot name a video before it becomes a part of a key in a store."""
    try:
        for name in names:
            _NAME.validate_python(name)
    except ValidationError as error:
        raise RefusedError(
            404, f"{'/'.join(names)!r} is not booked", "GET /api/videos lists videos"
        ) from error


def frame_url(platform: str, code: str, number: int) -> str:
    """Return where the API gives the original of a published frame."""
    return f"/api/frames/{quote(platform, safe='')}/{quote(code, safe='')}/{number}"


def _frames(
    marker: DoneMarker, framed: FramedVideo | None, held: Held | None
) -> tuple[LibraryFrame, ...]:
    there = dict(held.frames) if held else {}
    sizes = there | ({frame.number: frame for frame in framed.frames} if framed else {})

    def shown(frame: Frame | Duplicate, *, of: int | None, has_picture: bool) -> LibraryFrame:
        known = sizes.get(frame.number)
        number = frame.number
        return LibraryFrame(
            number=number,
            second=frame.second,
            scene_start=frame.scene_start if isinstance(frame, Frame) else None,
            scene_end=frame.scene_end if isinstance(frame, Frame) else None,
            kept=of is None,
            duplicate_of=of,
            width=known.width if known else 0,
            height=known.height if known else 0,
            url=frame_url(marker.platform, marker.code, number) if has_picture else None,
        )

    kept = [shown(frame, of=None, has_picture=True) for frame in marker.frames]
    dropped = [
        shown(one, of=one.of, has_picture=one.number in there)
        for one in (framed.duplicates if framed else ())
    ]
    return tuple(sorted([*kept, *dropped], key=lambda one: one.number))
